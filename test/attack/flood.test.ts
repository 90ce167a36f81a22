/** Connections that are only made to be there. */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { type DoorName, publishing, startAll } from './support.ts'

const DOORS: readonly DoorName[] = ['main', 'redis', 'fanout', 'feed', 'management', 'sparkleshare']

describe('a flood of connections that are reset', () => {
  it.each(DOORS)('at %s leaves nothing behind, and who was there goes on', async (door) => {
    const { port, ports, server } = await startAll()
    const publisher = await RawClient.connect(port)

    for (let round = 0; round < 10; round++) {
      const resets = Array.from({ length: 50 }, () => resetOne(ports[door]))
      publisher.send(publishing('x'))
      expect((await publisher.reply()).status).toBe(202)
      await Promise.all(resets)
    }

    publisher.close()
    await until(() => server.openConnections === 0, 'all are gone')
  })
})

describe('a flood of connections that stay', () => {
  it('fills what one address may have, and another has room', async () => {
    const { ports } = await startAll(
      'trustedPeers: [127.0.0.2]\nlimits: { maxConnectionsPerAddress: 20, maxConnections: 50 }',
    )
    const flood = Array.from({ length: 100 }, () =>
      RawClient.connect(ports.redis, '127.0.0.1', '127.0.0.9'),
    )
    const clients = await Promise.all(flood)
    await until(() => clients.filter(({ ended }) => ended).length === 80, '80 are refused')

    const other = await RawClient.connect(ports.redis, '127.0.0.1', '127.0.0.8')
    other.send('PING\r\n')
    await other.takeUntil('+PONG')
  })
})

/** Connects and resets. */
function resetOne(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    socket.on('error', () => {})
    socket.on('connect', () => socket.resetAndDestroy())
    socket.on('close', () => resolve())
  })
}
