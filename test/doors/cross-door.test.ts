/** A message that goes in by any door comes out of all. */
import { describe, expect, it } from 'vitest'
import { startFeed } from '../protocols/feed/feed-client.ts'
import { until } from '../support/wait.ts'
import { IN } from './in.ts'
import { OUT } from './out.ts'

describe.each(IN)('$name', (publisher) => {
  it('comes out of every door, live and once', async () => {
    const { port, feedPort, server } = await startFeed('stillalive: 0')
    const ports = { main: port, feed: feedPort }
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
