import { describe, expect, it, vi } from 'vitest'
import type { LogHub } from '../../../src/hub/log-hub.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'
import { publish, publishTogether } from '../events/events-client.ts'
import { BINARY, clientFrame, CLOSE, FrameClient, PING, PONG, TEXT } from './frame-client.ts'

const GOODBYE = Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.from('bye')])

describe.each(PATHS)('the end of a WebSocket over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('is agreed upon: a close is answered, and then the connection closes', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    client.sendFrame(CLOSE, GOODBYE)
    expect(await client.closed()).toEqual({ code: 1000, reason: 'bye' })
    expect(await client.raw.rest()).toBe('')
    client.raw.socket.end()
    await until(() => server.connections === 0, 'the connection is closed')
    expect(server.hub().receivers('a' as never)).toBe(0)
  })

  it('leaves no frame behind the close, whatever is published', async () => {
    const { port } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    const listener = await FrameClient.open(port, '/ws/a')
    await listener.json()
    client.sendFrame(BINARY, Buffer.from('x'))
    expect((await client.closed()).code).toBe(1003)

    // The client leaves the close unanswered, and goes on asking.
    client.send({ ping: 1 })
    client.send({ publish: 'a', body: 'from one who was shown out' })
    await publishTogether(port, 'a', [{ body: 'one' }, { body: 'two' }])

    expect(await listener.bodies(2)).toEqual(['one', 'two'])
    expect(client.raw.received).toHaveLength(0)
    client.sendFrame(CLOSE, GOODBYE.subarray(0, 2))
    expect(await client.raw.rest()).toBe('')
  })

  it('leaves no frame behind the answer to a close that is read late', async () => {
    const { port } = await start('limits: { maxUnsentBytes: 64MiB }')
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    client.raw.socket.pause()
    // More than the buffers on the way hold: what comes later waits in the server.
    const large = 'x'.repeat(6 * 2 ** 20)
    for (let n = 0; n < 4; n++) await publish(port, 'a', large)
    const other = await FrameClient.open(port)
    client.sendFrame(CLOSE, GOODBYE)
    for (let n = 0; n < 20; n++) await other.ask({ publish: 'a', body: 'late' })

    client.raw.socket.resume()

    expect(await client.closed()).toEqual({ code: 1000, reason: 'bye' })
    expect(await client.raw.rest()).toBe('')
  })

  it('under traffic still brings the close frame to the client', async () => {
    const { port } = await start()
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => FrameClient.open(port, '/ws/a')),
    )
    const publisher = await FrameClient.open(port)
    for (const client of clients) {
      client.sendFrame(CLOSE, GOODBYE)
      for (let n = 0; n < 20; n++) publisher.send({ publish: 'a', body: `${n}` })
    }
    for (const client of clients) {
      expect(await client.closed()).toEqual({ code: 1000, reason: 'bye' })
      expect(await client.raw.rest()).toBe('')
    }
  })

  it('comes with 1011 when the store cannot be read', async () => {
    const { port, server, errors } = await start()
    const client = await FrameClient.open(port)
    vi.spyOn((server.hub() as LogHub).store, 'read').mockImplementation(() => {
      throw new Error('no disk')
    })
    client.send({ subscribe: 'a', since: 'all' })
    expect((await client.closed()).code).toBe(1011)
    expect(errors.splice(0)).toEqual([new Error('no disk')])
  })

  it('comes at once when the client is gone', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port, '/ws/a')
    client.raw.socket.resetAndDestroy()
    await until(() => server.connections === 0, 'the connection is forgotten')
    expect(server.hub().receivers('a' as never)).toBe(0)
  })
})

describe.each(PATHS)('the life of a WebSocket over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('is shown by pings, which need no answer', async () => {
    const { port } = await start('limits: { heartbeat: 50ms }')
    const client = await FrameClient.open(port)
    for (let n = 0; n < 4; n++) {
      expect(await client.frame()).toMatchObject({ opcode: PING, masked: false })
    }
    client.sendFrame(PONG, Buffer.alloc(0))
    expect(await client.ask({ ping: 1 })).toHaveProperty('pong')
  })

  it('is not shown where heartbeats are off', async () => {
    const { port } = await start('limits: { heartbeat: 0 }')
    const client = await FrameClient.open(port)
    await client.ask({ ping: 1 })
    expect(client.raw.received).toHaveLength(0)
  })

  it('can be asked for: a ping by pong, a JSON ping by where the store stands', async () => {
    const { port } = await start('limits: { heartbeat: 0 }')
    const id = await publish(port, 'a', 'x')
    const client = await FrameClient.open(port)
    client.sendFrame(PING, Buffer.from('12345'))
    expect(await client.frame()).toMatchObject({ opcode: PONG, payload: Buffer.from('12345') })
    expect(await client.ask({ ping: true, ref: 'r' })).toEqual({ pong: id, ref: 'r' })
  })
})

describe.each(PATHS)('a client that does not read over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('and floods with publishes is let go; what was answered is what was stored', async () => {
    const { port, server } = await start('limits: { maxUnsentBytes: 64KiB }')
    const client = await FrameClient.open(port)
    client.raw.socket.pause()
    const frame = clientFrame(TEXT, Buffer.from('{"publish":"a","body":"x","ref":"0123456789"}'))
    const flood = Buffer.concat(Array.from({ length: 400_000 }, () => frame))
    client.raw.send(flood)
    // Reads on once everything was sent.
    await until(() => client.raw.socket.writableLength === 0, 'the flood is out', 20_000)
    client.raw.socket.resume()
    let answers = 0
    let close = 0
    while (close === 0) {
      const { opcode, payload } = await client.frame()
      if (opcode === TEXT) answers++
      if (opcode === CLOSE) close = payload.readUInt16BE()
    }

    expect(close).toBe(1008)
    const stat = await server.hub().stat('a' as never)
    // The answer that did not go out any more, and those of the same packet.
    expect(stat?.messages).toBeGreaterThanOrEqual(answers)
    expect(stat?.messages).toBeLessThan(answers + 2)
    expect(answers).toBeLessThan(400_000)
  })

  it('but for a large message on its way may ask for something', async () => {
    const { port, server } = await start('limits: { maxUnsentBytes: 64KiB }')
    const client = await FrameClient.open(port, '/ws/a')
    await client.json()
    client.raw.socket.pause()
    const bodies = Array.from({ length: 4 }, (_, n) => `${n}`.padEnd(6 * 2 ** 20, '.'))
    for (const body of bodies) await publish(port, 'a', body)
    client.send({ ping: 1, ref: 'large' })
    client.send({ publish: 'b', body: 'x', ref: 'small' })
    await until(() => server.hub().stat('b' as never) !== undefined, 'it was heard')

    client.raw.socket.resume()
    const taken = []
    while (taken.length < 6) taken.push(await client.json())

    expect(taken.filter(({ pong }) => pong !== undefined)).toHaveLength(1)
    expect(taken.filter(({ published }) => published !== undefined)).toHaveLength(1)
    const heard = taken.flatMap(({ body }) => (typeof body === 'string' ? [body] : []))
    expect(heard.map(({ length }) => length)).toEqual(bodies.map(({ length }) => length))
  })

  it('and floods with pings is let go', async () => {
    const { port, server } = await start()
    const client = await FrameClient.open(port)
    client.raw.socket.pause()
    const ping = clientFrame(PING, Buffer.alloc(125))
    client.raw.send(Buffer.concat(Array.from({ length: 200_000 }, () => ping)))
    await until(() => server.connections === 0, 'it is let go', 20_000)
  })
})
