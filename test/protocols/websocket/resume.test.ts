/** The rule of docs/protocols/websocket.md for clients that come back, by a client that keeps it. */
import { describe, it } from 'vitest'
import { PATHS, startServer } from '../../support/server.ts'
import { publish } from '../events/events-client.ts'
import { comeBack } from './resumer.ts'

describe.each(PATHS)('a client that comes back over $path', ({ lean }) => {
  it.each([1, 2, 3])('misses nothing and gets nothing twice, round %i', async (seed) => {
    const { port } = await startServer('limits: { catchUpBytes: 200 }', { lean })
    await comeBack(port, seed, await publish(port, 'start', ''))
  })
})
