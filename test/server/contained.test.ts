/** What fails in one door, for one client, is that client's affair. */
import { expect, it, onTestFinished, vi } from 'vitest'
import { RawClient, requestBytes } from '../support/raw.ts'
import { PATHS, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { DOORS, everyDoor, portOf, tellAll, UPGRADE } from './live-clients.ts'

/** What makes a client of each door follow `poison`. */
const FOLLOWS: Readonly<Record<string, string | Buffer>> = {
  events: requestBytes('GET', '/events/poison'),
  websocket: requestBytes('GET', '/ws/poison', UPGRADE),
  relay: requestBytes('GET', '/subscriber/poison'),
  feed: requestBytes('GET', '/poison'),
  redis: 'SUBSCRIBE poison\r\n',
  fanout: 'subscribe poison\n',
  sparkleshare: '{"repo": "poison", "command": "register"}',
}

function breakPoison({ server }: TestServer): void {
  const hub = server.hub()
  const follow = hub.follow.bind(hub)
  const spy = vi.spyOn(hub, 'follow').mockImplementation((options) => {
    if (options.selectors.channels.some((name) => name === 'poison')) {
      throw new TypeError('broken on purpose')
    }
    return follow(options)
  })
  onTestFinished(() => spy.mockRestore())
}

const CASES = PATHS.flatMap(({ path, lean }) =>
  Object.keys(FOLLOWS).map((door) => ({ path, lean, door })),
)

it.each(CASES)('a client of $door that nothing can be done for: $path', async ({ lean, door }) => {
  const started = await startServer(DOORS, { lean })
  await started.server.hub().stat('poison' as never, true)
  const others = await everyDoor(started)
  breakPoison(started)
  const own = ['feed', 'redis', 'fanout', 'sparkleshare'].includes(door)
  const victim = await RawClient.connect(own ? portOf(started, door) : started.port)

  victim.send(FOLLOWS[door] ?? '')

  await until(() => started.errors.length > 0, 'it is reported')
  // It is told, or closed.
  await until(() => victim.ended || victim.received.includes(' 500 '), 'it is told or closed')
  expect(started.errors.splice(0).map(String)).toEqual(['TypeError: broken on purpose'])
  await tellAll(started, others, 'still there')
})
