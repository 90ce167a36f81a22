import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { clientAt, LOCATIONS, Reader } from './support.ts'
import { fakeServer } from '../client/fake-server.ts'
import { startServer } from '../support/server.ts'

describe('publishing', () => {
  it('answers with the id, and how many followed', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const reader = await Reader.open(fanfare, 'a/b c+ä')
    const published = await fanfare.publish('a/b c+ä', 'hello')
    await reader.take(1)
    expect(published).toEqual({
      id: reader.messages[0]?.id,
      receivers: 1,
      duplicate: false,
    })
  })

  it.each(['/slash', '..', '.', 'a//b/', '%2F', '🎺'])('takes %s as a name', async (name) => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const reader = await Reader.open(fanfare, '/')
    await fanfare.publish(name, '')
    await reader.take(1)
    expect(reader.messages[0]?.channel).toBe(name.replace(/^\//, ''))
  })

  it.each([
    ['text', 'hä', undefined],
    ['text with attributes', 'hä', { event: 'x' }],
    ['JSON', { a: ['ä', null, 1.5] }, undefined],
    ['JSON with attributes', [1, 2], { event: 'x' }],
    ['a number', 17, undefined],
    ['bytes', new Uint8Array(100_000).fill(200), undefined],
    ['bytes with attributes', new Uint8Array(100_000).fill(200), { event: 'x' }],
    ['bytes that are text', Buffer.from('hä'), undefined],
  ])('sends %s', async (_, body, attributes) => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const reader = await Reader.open(fanfare, 'a')
    await fanfare.publish('a', body, attributes ? { attributes } : {})
    await reader.take(1)
    const [message] = reader.messages
    const text = typeof body === 'string'
    if (body instanceof Buffer) expect(message?.body).toBe('hä')
    else if (text || body instanceof Uint8Array) expect(message?.body).toEqual(body)
    else expect(message).toMatchObject({ data: body, body: JSON.stringify(body) })
    expect(message?.attributes).toEqual(attributes ?? {})
  })

  it('stores what has the same key once', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const first = await fanfare.publish('a', 'once', { key: 'k 1' })
    const second = await fanfare.publish('a', 'once', { key: 'k 1' })
    expect(second).toMatchObject({ id: first.id, duplicate: true })
    await expect(fanfare.publish('a', 'other', { key: 'k 1' })).rejects.toMatchObject({
      code: 'key_reused',
      status: 422,
    })
    const other = await fanfare.publish('a', 'once')
    expect(other).toMatchObject({ duplicate: false })
  })

  it('gives messages a type and an end', async () => {
    const { port } = await startServer(LOCATIONS)
    const fanfare = clientAt(port)
    const reader = await Reader.open(fanfare, 'a')
    await fanfare.publish('a', '<b>', { type: 'text/html', ttl: 0 })
    await fanfare.publish('a', '{"a":1}', { type: 'application/json', ttl: 60 })
    await reader.take(2)
    expect(reader.messages).toMatchObject([
      { type: 'text/html', data: undefined },
      { type: 'application/json', data: { a: 1 } },
    ])
    const late = await Reader.open(fanfare, 'a', { since: 'all' })
    await late.take(1)
    expect(late.bodies).toEqual(['{"a":1}'])
  })

  it('is made again when its answer was lost, and stored once', async () => {
    const { port } = await startServer(LOCATIONS)
    const reader = await Reader.open(clientAt(port), 'a')
    let connections = 0
    const between = await fakeServer((client) => {
      const first = ++connections === 1
      const server = connect({ port, host: '127.0.0.1' })
      server.on('error', () => {})
      client.on('close', () => server.destroy())
      client.pipe(server)
      if (first) server.on('data', () => client.destroy())
      else server.pipe(client)
    })
    expect(await clientAt(between).publish('a', 'hello')).toMatchObject({ duplicate: true })
    await clientAt(port).publish('a', 'next')
    await reader.take(2)
    expect(reader.bodies).toEqual(['hello', 'next'])
    expect(connections).toBe(2)
  })

  it('is made again when a server is overloaded, but not after its time', async () => {
    let attempts = 0
    const port = await fakeServer((socket) => {
      socket.on('data', () => {
        attempts++
        socket.end('HTTP/1.1 503 Unavailable\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')
      })
    })
    // The second attempt comes after half a second at most, the third after three quarters at least.
    await expect(clientAt(port).publish('a', 'b', { timeout: 740 })).rejects.toMatchObject({
      status: 503,
    })
    expect(attempts).toBe(2)
  })

  it('is refused with the server’s words, once', async () => {
    const { port } = await startServer(`${LOCATIONS}limits: { maxBodyBytes: 10 }\n`)
    const fanfare = clientAt(port)
    await expect(fanfare.publish('a', 'more than ten bytes')).rejects.toMatchObject({
      code: 'too_large',
      status: 413,
    })
    await expect(fanfare.publish('x'.repeat(513), 'a')).rejects.toMatchObject({
      code: 'bad_channel',
    })
    await expect(fanfare.publish('a', 'b', { ttl: -1 })).rejects.toMatchObject({
      code: 'bad_expiry',
    })
    await expect(fanfare.publish('a', 'b', { key: 'ä' })).rejects.toMatchObject({
      code: 'bad_request',
    })
    await expect(fanfare.publish('a', { a: 1 }, { data: { b: 1 } })).rejects.toThrow(TypeError)
  })

  it('gives up when it is told to', async () => {
    const port = await fakeServer(() => {})
    const given = new AbortController()
    const publish = clientAt(port).publish('a', 'b', { signal: given.signal })
    given.abort(new Error('enough'))
    await expect(publish).rejects.toThrow('enough')
  })
})
