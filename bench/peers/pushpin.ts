import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { postForm } from '../doors/http.ts'
import type { PublishForm } from '../doors/door.ts'
import { sseDoor } from '../doors/stream.ts'
import { freePort } from '../run/launch.ts'
import { scratch } from '../run/paths.ts'
import { until } from '../driver/wait.ts'
import type { Peer } from './peer.ts'
import { startServer } from './server.ts'

const PROGRAM = ['/usr/bin/pushpin', '/usr/local/bin/pushpin']

/** It sends 2,500 messages a second unless it is told otherwise. */
const START_MS = 5_000
const UNBOUND = 1_000_000_000

function program(): string | undefined {
  return PROGRAM.find((path) => existsSync(path))
}

/** Items are published by its control port, in JSON around the body. */
const bare = postForm(() => '/publish/', false)
const publish: PublishForm = {
  ...bare,
  // Its control port answers one request a connection.
  oneShot: true,
  request(channel, body) {
    const item = { channel, formats: { 'http-stream': { content: `data: ${String(body)}\n\n` } } }
    return bare.request(channel, Buffer.from(JSON.stringify({ items: [item] })))
  },
}

const door = sseDoor((channel) => `/events/${channel}`, publish)

/** Pushpin, with a backend of ours that holds every request as a stream of its path's channel. */
export const pushpin: Peer = {
  name: 'pushpin',
  about: 'Pushpin, GRIP: each request held as a stream by its backend',
  doors: { sse: { ...door, publishPort: 'control' } },
  missing: () =>
    program() === undefined
      ? 'install it: apt-get install -y --no-install-recommends pushpin'
      : undefined,
  async start(core) {
    const found = program()
    if (found === undefined) throw new Error('pushpin is missing')
    const [port, control, backend] = [await freePort(), await freePort(), await freePort()]
    const folder = scratch('pushpin')
    mkdirSync(join(folder, 'run'))
    const config = join(folder, 'pushpin.conf')
    writeFileSync(config, configOf({ folder, port, control }))
    writeFileSync(join(folder, 'routes'), `* 127.0.0.1:${backend}\n`)
    const held = createServer((request, response) => {
      const channel = (request.url ?? '').replace('/events/', '')
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Grip-Hold': 'stream',
        'Grip-Channel': channel,
      })
      response.end()
    })
    await new Promise<void>((resolve) => {
      held.listen(backend, '127.0.0.1', resolve)
    })
    // Debian's own refuses to ask a backend on this machine.
    const zurl = join(folder, 'zurl.conf')
    writeFileSync(zurl, zurlConfig(folder))
    const asks = spawn('zurl', [`--config=${zurl}`], { stdio: 'ignore' })
    asks.on('error', () => {})
    const end = (): void => {
      asks.kill()
      held.close()
      held.closeAllConnections()
    }
    const running = await startServer({
      command: [found, '--config', config],
      core,
      cwd: folder,
      port,
      ports: { control },
      version: () => spawnSync(found, ['--version'], { encoding: 'utf8' }).stdout.trim(),
    }).catch((error: unknown) => {
      end()
      throw error
    })
    await until(() => existsSync(join(folder, 'run/zurl-out')), START_MS)
    const stop = async (): Promise<void> => {
      end()
      await running.stop()
    }
    return { ...running, stop }
  },
}

function configOf({
  folder,
  port,
  control,
}: {
  readonly folder: string
  readonly port: number
  readonly control: number
}): string {
  return `[global]
include={libdir}/internal.conf
rundir=${folder}/run
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${port}
logdir=${folder}
client_maxconn=20000
[proxy]
routesfile=${folder}/routes
zurl_out_specs=ipc://${folder}/run/zurl-in
zurl_out_stream_specs=ipc://${folder}/run/zurl-in-stream
zurl_in_specs=ipc://${folder}/run/zurl-out
[handler]
push_in_http_addr=127.0.0.1
push_in_http_port=${control}
message_rate=${UNBOUND}
message_hwm=${UNBOUND}
`
}

function zurlConfig(folder: string): string {
  return `[General]
in_spec=ipc://${folder}/run/zurl-in
in_stream_spec=ipc://${folder}/run/zurl-in-stream
out_spec=ipc://${folder}/run/zurl-out
in_req_spec=
defpolicy=allow
allow=
deny=
max_open_requests=20000
buffer_size=200000
timeout=600
`
}
