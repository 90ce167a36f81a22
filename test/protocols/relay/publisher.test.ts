import { describe, expect, it, vi } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { RawClient, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { until } from '../../support/wait.ts'

const TEXT = { 'Content-Type': 'text/plain' }

describe.each(PATHS)('the publisher location over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('says that a message is stored even if nothing else can be said of its channel', async () => {
    const { server, port } = await start()
    const hub = server.hub()
    const stat = vi.spyOn(hub, 'stat').mockRejectedValue(new FanfareError('store_unavailable'))

    const answer = await request(port, 'POST', '/publisher/known', TEXT, 'x')
    stat.mockRestore()
    expect(answer.status).toBe(202)
    expect(await hub.stat('known' as ChannelName)).toMatchObject({ messages: 1 })
  })

  it.each([
    [
      undefined,
      'text/plain',
      'queued messages: 1\r\nlast requested: -1 sec. ago (-1=never)\r\nactive subscribers: 0\r\n',
    ],
    [
      '*/*',
      'text/plain',
      'queued messages: 1\r\nlast requested: -1 sec. ago (-1=never)\r\nactive subscribers: 0\r\n',
    ],
    ['application/json', 'application/json', '{"messages": 1, "requested": -1, "subscribers": 0 }'],
    [
      'text/x-json;q=0.1, text/plain',
      'text/x-json',
      '{"messages": 1, "requested": -1, "subscribers": 0 }',
    ],
    ['text/yaml', 'text/yaml', '---\r\nmessages: 1\r\nrequested: -1\r\nsubscribers: 0\r\n\r\n'],
    [
      'application/xml',
      'application/xml',
      '<?xml version="1.0" encoding="UTF-8" ?>\r\n<channel>\r\n  <messages>1</messages>\r\n  <requested>-1</requested>\r\n  <subscribers>0</subscribers>\r\n</channel>\r\n',
    ],
  ])('tells of the channel for Accept: %s', async (accept, type, body) => {
    const { port } = await start()
    await request(port, 'POST', '/publisher/info', TEXT, 'x')
    const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept }

    const reply = await request(port, 'GET', '/publisher/info', headers)

    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe(type)
    expect(reply.body.toString()).toBe(body)
  })

  it('counts who was waiting when the POST came, and what is stored after it', async () => {
    const { port, server } = await start()
    await request(port, 'PUT', '/publisher/count')
    const waiting = await RawClient.connect(port)
    waiting.send(requestBytes('GET', '/subscriber/count'))
    await until(() => server.hub().receivers('count' as never) === 1, 'the poll waits')

    const post = await request(port, 'POST', '/publisher/count', { Accept: 'text/json' }, 'x')
    const after = await request(port, 'GET', '/publisher/count', { Accept: 'text/json' })
    const deleted = await request(port, 'DELETE', '/publisher/count', { Accept: 'text/json' })

    expect(post.status).toBe(201)
    expect(post.body.toString()).toBe('{"messages": 1, "requested": 0, "subscribers": 1 }')
    expect(after.body.toString()).toBe('{"messages": 1, "requested": 0, "subscribers": 0 }')
    expect(deleted.body.toString()).toBe('{"messages": 1, "requested": 0, "subscribers": 0 }')
  })

  it('gives the id of the new message, which orders all channels', async () => {
    const { port } = await start()
    const one = await request(port, 'POST', '/publisher/a', TEXT, 'x')
    const two = await request(port, 'POST', '/publisher/b', TEXT, 'x')
    const [second, n] = (one.headers['fanfare-id'] ?? '').split('-').map(Number)
    expect(n).toBe(0)
    expect([`${second}-1`, `${(second ?? 0) + 1}-0`]).toContain(two.headers['fanfare-id'])
  })

  it('takes messages without a content type, without a body, and of any bytes', async () => {
    const { port } = await start()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    await request(port, 'POST', '/publisher/none', {}, '')
    await request(port, 'POST', '/publisher/bytes', {}, bytes)

    const none = await request(port, 'GET', '/subscriber/none')
    const any = await request(port, 'GET', '/subscriber/bytes')

    expect(none.status).toBe(200)
    expect(none.body.length).toBe(0)
    expect(none.headers['content-type']).toBe('application/octet-stream')
    expect(any.body.equals(bytes)).toBe(true)
  })

  it('takes one name of a channel for another only when the bytes are the same', async () => {
    const { port } = await start()
    await request(port, 'POST', '/publisher/a%20b/c?x=1', TEXT, 'spaced')
    expect((await request(port, 'GET', '/subscriber/a%20b/c')).body.toString()).toBe('spaced')
    expect((await request(port, 'GET', '/subscriber/%61%20b%2Fc')).body.toString()).toBe('spaced')
    expect((await request(port, 'GET', '/subscriber//a%20b/c')).body.toString()).toBe('spaced')
    expect((await request(port, 'GET', '/subscriber/a+b/c')).status).toBe(404)
    expect((await request(port, 'GET', '/subscriber/a%20b/c/')).status).toBe(404)
    expect((await request(port, 'GET', '/subscriber/a%zzb')).status).toBe(400)
    expect((await request(port, 'PUT', `/publisher/${'x'.repeat(512)}`)).status).toBe(200)
    expect((await request(port, 'PUT', `/publisher/${'x'.repeat(513)}`)).status).toBe(400)
  })

  it('stores a retried publish once', async () => {
    const { port } = await start()
    const key = { ...TEXT, 'Idempotency-Key': 'build-17' }

    const first = await request(port, 'POST', '/publisher/once', key, 'done')
    const retry = await request(port, 'POST', '/publisher/once', key, 'done')
    const other = await request(port, 'POST', '/publisher/once', key, 'failed')
    const elsewhere = await request(port, 'POST', '/publisher/twice', key, 'failed')

    expect(retry.headers['fanfare-id']).toBe(first.headers['fanfare-id'])
    expect(retry.headers['fanfare-duplicate']).toBe('true')
    expect(retry.body.toString()).toContain('queued messages: 1\r\n')
    expect(other.status).toBe(422)
    expect(elsewhere.status).toBe(202)
    expect(elsewhere.headers['fanfare-duplicate']).toBeUndefined()
  })

  it('gives a message with TTL 0 to those who wait and to nobody later', async () => {
    const { port, server } = await start()
    await request(port, 'PUT', '/publisher/ttl')
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', '/subscriber/ttl'))
    await until(() => server.hub().receivers('ttl' as never) === 1, 'the poll waits')

    const post = await request(port, 'POST', '/publisher/ttl', { TTL: '0' }, 'now or never')

    expect(post.status).toBe(201)
    expect((await client.reply()).body.toString()).toBe('now or never')
    const info = await request(port, 'GET', '/publisher/ttl')
    expect(info.body.toString()).toContain('queued messages: 0\r\n')
    expect((await request(port, 'POST', '/publisher/ttl', { TTL: 'soon' }, 'x')).status).toBe(400)
    expect((await request(port, 'POST', '/publisher/ttl', { TTL: '-1' }, 'x')).status).toBe(400)
  })

  it('takes several messages as JSON lines, in order', async () => {
    const { port } = await start()
    const lines = [
      '{"body":"one","type":"text/plain"}',
      '',
      '{"data":{"big":12345678901234567890,"b":1,"a":2}}',
      '{"body":"AAEC","encoding":"base64"}',
    ].join('\n')
    const type = { 'Content-Type': 'application/x-ndjson', Accept: 'application/json' }

    const post = await request(port, 'POST', '/publisher/batch', type, lines)

    const { ids, messages } = JSON.parse(post.body.toString()) as {
      ids: string[]
      messages: number
    }
    expect(post.status).toBe(202)
    expect(messages).toBe(3)
    expect(ids).toHaveLength(3)
    expect(post.headers['fanfare-id']).toBe(ids[2])
    const bodies: string[] = []
    let cursor: Record<string, string> = {}
    for (let index = 0; index < 3; index++) {
      const reply = await request(port, 'GET', '/subscriber/batch', cursor)
      bodies.push(`${reply.headers['content-type']}: ${reply.body.toString('latin1')}`)
      cursor = {
        'If-Modified-Since': reply.headers['last-modified'] ?? '',
        'If-None-Match': reply.headers['etag'] ?? '',
      }
    }
    expect(bodies).toEqual([
      'text/plain: one',
      'application/json: {"big":12345678901234567890,"b":1,"a":2}',
      'application/octet-stream: \u0000\u0001\u0002',
    ])
  })

  it.each([
    ['{"body":"fine"}\nnot json', 'Line 2'],
    ['{"body":"fine"}\n[1]', 'Line 2'],
    ['{"bodi":"x"}', 'unknown field'],
    ['{"body":1}', '`body` is a text'],
    ['{"body":"x","attributes":{"a":1}}', 'attribute'],
    ['\n\n', 'no line'],
  ])('refuses JSON lines that are wrong, whole: %j', async (lines, said) => {
    const { port } = await start()
    const type = { 'Content-Type': 'application/x-ndjson' }
    const post = await request(port, 'POST', '/publisher/wrong', type, lines)
    expect(post.status).toBe(400)
    expect(post.body.toString()).toContain(said)
    expect((await request(port, 'GET', '/publisher/wrong')).status).toBe(404)
  })

  it('refuses a message over the limit with 413', async () => {
    const { port } = await start('limits: { maxBodyBytes: 100 }')
    expect((await request(port, 'POST', '/publisher/big', TEXT, 'x'.repeat(100))).status).toBe(202)
    expect((await request(port, 'POST', '/publisher/big', TEXT, 'x'.repeat(101))).status).toBe(413)
  })

  it('answers 405 with Allow to other methods', async () => {
    const { port } = await start()
    const reply = await request(port, 'PATCH', '/publisher/x', {}, 'x')
    expect(reply.status).toBe(405)
    expect(reply.headers['allow']).toBe('GET, POST, PUT, DELETE, OPTIONS')
  })

  it('lets only trusted peers publish, and says why not', async () => {
    const nobody = await start('trustedPeers: [10.0.0.0/8]')
    const { port } = await start()

    const stranger = await request(nobody.port, 'POST', '/publisher/x', TEXT, 'x')
    const page = await request(
      port,
      'POST',
      '/publisher/x',
      { Origin: 'https://evil.example' },
      'x',
    )
    const proxied = await request(
      port,
      'POST',
      '/publisher/x',
      { 'X-Forwarded-For': '127.0.0.1' },
      'x',
    )
    const fetched = await request(
      port,
      'POST',
      '/publisher/x',
      { 'Sec-Fetch-Site': 'cross-site' },
      'x',
    )

    expect([stranger, page, proxied, fetched].map(({ status }) => status)).toEqual([
      403, 403, 403, 403,
    ])
    expect(stranger.body.toString()).toContain('trustedPeers')
    expect(proxied.body.toString()).toContain('trustedProxies')
    for (const method of ['PUT', 'DELETE', 'GET']) {
      expect((await request(nobody.port, method, '/publisher/x')).status).toBe(403)
    }
    expect((await request(port, 'GET', '/publisher/x')).status).toBe(404)
  })

  it('gives errors as JSON to those who ask for it', async () => {
    const { port } = await start()
    const reply = await request(port, 'GET', '/publisher/none', { Accept: 'application/json' })
    expect(reply.status).toBe(404)
    expect(JSON.parse(reply.body.toString())).toEqual({
      error: { code: 'unknown_channel', message: expect.stringContaining('no such channel') },
    })
  })
})
