import { describe, expect, it } from 'vitest'
import { DOORS as ALL } from '../../src/protocols/doors.ts'
import { RawClient, request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import {
  CHANNEL,
  DOORS,
  fanout,
  feed,
  portOf,
  redis,
  socketIo,
  sparkleshare,
  sse,
  tellAll,
  webSocket,
} from './live-clients.ts'

/** All doors but these. */
function without(...names: string[]): Set<string> {
  return new Set(ALL.map(({ name }) => name).filter((name) => !names.includes(name)))
}

describe('a node that carries some doors', () => {
  it('serves the others as if they were not there', async () => {
    const started = await startServer(DOORS, { roles: without('events', 'redis', 'socketio') })
    const { server, port } = started
    expect(server.roles?.has('redis')).toBe(false)
    const listed = server.places.map(({ what }) => what)
    expect(listed).toContain('publisher')
    for (const door of ['redis', 'events', 'socketio']) expect(listed).not.toContain(door)
    const reply = await request(port, 'GET', '/events/live', { Accept: 'text/event-stream' })
    expect(reply).toMatchObject({ status: 404 })
    expect(reply.body.toString()).toContain('unknown_location')
    expect((await request(port, 'GET', '/socket.io/?EIO=4&transport=polling')).status).toBe(404)
    expect((await request(port, 'POST', '/publisher/live', {}, 'x')).status).toBe(202)
  })

  it('takes on others, and lets go none of its own', async () => {
    const started = await startServer(DOORS, { roles: without('events', 'redis', 'socketio') })
    const { server } = started
    const clients = [await webSocket(started), await feed(started), await fanout(started)]
    await until(() => server.hub().receivers(CHANNEL as never) === 3, 'they follow')
    await server.carry(undefined)
    expect(server.roles).toBeUndefined()
    const more = [await sse(started), await redis(started), await socketIo(started)]
    await until(() => server.hub().receivers(CHANNEL as never) === 6, 'they follow, too')
    await tellAll(started, [...clients, ...more], 'to all')
  })

  it('sends the clients of those that left elsewhere, and keeps the others', async () => {
    const started = await startServer(DOORS)
    const { server, port } = started
    const stays = [await sse(started), await feed(started), await fanout(started)]
    const goes = [
      await webSocket(started),
      await redis(started),
      await sparkleshare(started),
      await socketIo(started),
    ]
    await until(() => server.hub().receivers(CHANNEL as never) === 7, 'they follow')
    const ports = [portOf(started, 'redis'), portOf(started, 'sparkleshare')]

    await server.carry(without('websocket', 'redis', 'sparkleshare', 'socketio'))
    await until(() => goes.every(({ ended }) => ended), 'they are closed')
    // The service restarts: come back.
    const [socket] = goes
    expect(socket?.times('\x88\x02\x03\xf4')).toBe(1)
    for (const gone of ports) {
      await expect(RawClient.connect(gone), `${gone} is given up`).rejects.toThrow('ECONNREFUSED')
    }
    expect((await request(port, 'GET', '/ws/live')).status).toBe(404)
    await tellAll(started, stays, 'to those that stay')
  })

  it('ends streams of events as HTTP would have them end', async () => {
    const started = await startServer('')
    const stream = await RawClient.connect(started.port)
    stream.send('GET /events/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => started.server.hub().receivers(CHANNEL as never) === 1, 'it follows')
    await started.server.carry(without('events'))
    expect(await stream.rest()).toMatch(/\r\n0\r\n\r\n$/)
  })

  it('keeps to them under another configuration', async () => {
    const started = await startServer(DOORS, { roles: without('redis') })
    const { server } = started
    await server.apply({ ...server.config, trustedPeers: ['10.0.0.1'] })
    expect(server.places.some(({ what }) => what === 'redis')).toBe(false)
    await server.carry(undefined)
    expect(server.config.trustedPeers).toEqual(['10.0.0.1'])
    expect(server.places.some(({ what }) => what === 'redis')).toBe(true)
  })

  it('cannot take on a door whose port is taken, and says so', async () => {
    const other = await startServer('redis: { port: 0 }')
    const port = portOf(other, 'redis')
    const yaml = DOORS.replace('redis: { port: 0 }', `redis: { port: ${port} }`)
    const started = await startServer(yaml, { roles: without('redis') })
    await expect(started.server.carry(undefined)).rejects.toThrow(
      `redis: something else listens on 127.0.0.1:${port} already`,
    )
    expect(started.server.roles).toEqual(without('redis'))
    const clients = [await sse(started), await feed(started)]
    await until(() => started.server.hub().receivers(CHANNEL as never) === 2, 'they follow')
    await tellAll(started, clients, 'still there')
  })
})
