/** A message that goes in by any door comes out of all. */
import { describe, expect, it } from 'vitest'
import { startFeed } from '../protocols/feed/feed-client.ts'
import { SECRET } from '../protocols/socketio/token.ts'
import { until } from '../support/wait.ts'
import { IN } from './in.ts'
import { OUT } from './out.ts'

/** Each on a port of its own. */
const DOORS = `
fanout: { port: 0 }
redis: { port: 0 }
sparkleshare: { port: 0, zeromq: { broadcast: 0, command: 0 } }
users: { publish: [octocat/], jwt: { secret: ${SECRET} } }
`

describe.each(IN)('$name', (publisher) => {
  it('comes out of every door, live and once', async () => {
    const { port, feedPort, server } = await startFeed('stillalive: 0', DOORS)
    const of = (what: string): number =>
      Number(new URL(server.places.find((place) => place.what === what)?.where ?? '').port)
    const ports = {
      main: port,
      feed: feedPort,
      fanout: of('fanout'),
      redis: of('redis'),
      sparkleshare: of('sparkleshare'),
      broadcast: of('zmq notify'),
      command: of('zmq command'),
    }
    await server.hub().stat('octocat/hello' as never, true)
    const takes = await Promise.all(OUT.map((door) => door.listen(ports)))
    await until(() => server.hub().receivers('octocat/hello' as never) === OUT.length, 'all listen')

    const expected = await publisher.publish(ports)
    const shown = await Promise.all(takes.map((take) => take()))
    for (const [index, door] of OUT.entries()) {
      expect(shown[index], door.name).toEqual(door.shown(expected))
    }
  })
})
