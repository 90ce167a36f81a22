/** Clients across a restart of their server: what they have is what was published. */
import { expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../../src/config/index.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { FanfareServer } from '../../../src/server/server.ts'
import { fanfare } from '../../cli/cli-program.ts'
import { CONFIG, makeHome } from '../../cli/listen-files.ts'
import { Follower } from '../../client/follower.ts'
import { until } from '../../support/wait.ts'
import { xread } from '../../support/xread.ts'
import { name } from '../contract/harness.ts'
import { folder } from './support.ts'

const EACH = 40
const RESTARTS = 2

interface Ports {
  readonly main: number
  readonly redis: number
}

async function serve(path: string, ports: Ports): Promise<FanfareServer> {
  const text = `
port: ${ports.main}
store: { type: file, path: ${path} }
redis: { port: ${ports.redis} }
feed: false
sparkleshare: false
fanout: false
management: false
`
  const { config } = loadConfig(configSchema(), { text, file: 'test.yaml', env: {} })
  return FanfareServer.start(config)
}

function portsOf(server: FanfareServer): Ports {
  const port = (what: string): number =>
    Number(new URL(server.places.find((place) => place.what === what)?.where ?? '').port)
  return { main: server.address.port, redis: port('redis') }
}

it('streams, WebSockets, XREAD and fanfare listen miss nothing, and get nothing twice', {
  timeout: 60_000,
}, async () => {
  const path = folder()
  let server = await serve(path, { main: 0, redis: 0 })
  onTestFinished(() => server.stop())
  const ports = portsOf(server)
  const sse = new Follower(new URL(`http://127.0.0.1:${ports.main}/events/a`))
  const websocket = new Follower(new URL(`ws://127.0.0.1:${ports.main}/ws/a`))
  const stream = xread(ports.redis, 'a')
  const home = makeHome()
  home.write(CONFIG, { host: '127.0.0.1', port: ports.redis, channels: ['a'], auth: '' })
  const listener = fanfare(['listen', '--print'], { env: home.env })
  await listener.complained('listening to')
  const hub = (): ReturnType<FanfareServer['hub']> => server.hub()
  await until(() => hub().receivers(name('a')) >= 2, 'all are connected')

  const published: string[] = []
  const publish = async (): Promise<void> => {
    for (let count = 0; count < EACH; count++) {
      const body = `message ${published.length}`
      await hub().publish({
        channel: name('a'),
        body: Buffer.from(body),
        contentType: 'text/plain',
      })
      published.push(body)
    }
  }
  await publish()
  for (let restart = 0; restart < RESTARTS; restart++) {
    await server.stop()
    server = await serve(path, ports)
    // Before anybody is back.
    await publish()
  }

  const followers = { sse, websocket }
  for (const [which, follower] of Object.entries(followers)) {
    await until(() => follower.bodies.length >= published.length, `${which} has all`, 30_000)
    expect(follower.bodies, which).toEqual(published)
    expect(follower.count('gap'), which).toBe(0)
  }
  await until(() => stream.bodies.length >= published.length, 'XREAD has all', 30_000)
  expect(stream.bodies).toEqual(published)
  await until(() => listener.lines.length >= published.length, 'listen has all', 30_000)
  expect(listener.lines.map((line) => line.slice(11))).toEqual(published)
})
