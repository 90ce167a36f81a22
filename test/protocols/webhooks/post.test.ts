import { describe, expect, it } from 'vitest'
import { request } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { FORM, JSON_TYPE, lines, post, published } from './support.ts'

const MULTIPART = { 'Content-Type': 'multipart/form-data; boundary=xYz' }

function part(name: string, value: string): string {
  return `--xYz\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
}

/** Headers, body, and what the answer says. */
const MALFORMED: [Record<string, string>, string, string][] = [
  [FORM, '', 'no field `channel`'],
  [FORM, 'channel=a', 'no field `message`'],
  [FORM, '{"channel":"a","message":"b"}', 'its Content-Type is application/json'],
  [FORM, 'message=a', 'no field `channel`'],
  [FORM, 'channel=&message=a', '`channel` is empty'],
  [FORM, 'channel=a&message=', '`message` is empty'],
  [FORM, 'channel=a&channel=b&message=c', 'the field `channel` 2 times'],
  [FORM, 'channel=a&message=c&message=d&message=e', 'the field `message` 3 times'],
  [FORM, 'channel=a&message=%zz', 'not followed by two hexadecimal digits'],
  [FORM, `channel=${'x'.repeat(513)}&message=a`, '1 to 512 bytes'],
  [FORM, 'channel=/&message=a', '1 to 512 bytes'],
  [FORM, 'a=b&'.repeat(10_000), 'A form may have 1000 fields'],
  [JSON_TYPE, '', 'The body is empty'],
  [JSON_TYPE, '[]', 'no member `channel`'],
  [JSON_TYPE, '"x"', 'is JSON, but no object'],
  [JSON_TYPE, '{"channel":"a"', 'is not JSON'],
  [JSON_TYPE, '{"channel":"a","message":1}', '`message` is not a text'],
  [JSON_TYPE, '{"channel":"a"}', 'no member `message`'],
  [JSON_TYPE, '{"channel":"","message":"a"}', '`channel` is empty'],
  [{ 'Content-Type': 'multipart/form-data' }, 'x', 'has no boundary'],
  [{ 'Content-Type': 'multipart/form-data; boundary=a"b' }, 'x', 'has no boundary'],
  [MULTIPART, 'x', 'the boundary that its Content-Type names is not there'],
  [MULTIPART, '--xYz--\r\n', 'no field `channel`'],
  [MULTIPART, part('channel', 'a'), 'its last part has no end'],
  [
    MULTIPART,
    '--xYz\nContent-Disposition: form-data; name="channel"\n\na\n--xYz--',
    'a line of its own',
  ],
  [MULTIPART, '--xYz\r\nContent-Type: text/plain\r\n\r\na\r\n--xYz--', 'no Content-Disposition'],
  [MULTIPART, '--xYz\r\nContent-Disposition: form-data; name="a"\r\n--xYz--', 'no empty line'],
  [MULTIPART, `${part('a', '').repeat(1001)}--xYz--`, 'A form may have 1000 fields'],
  [MULTIPART, `${part('channel', 'a').repeat(2)}${part('message', 'b')}--xYz--`, '2 times'],
]

describe.each(PATHS)('POST / over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('publishes a form as Notistream did', async () => {
    const server = await start()

    const reply = await post(server, '/', FORM, 'channel=test&message=Hello+world%21')

    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(reply.headers['fanfare-id']).toMatch(/^\d+-0$/)
    expect(reply.body.toString()).toBe('OK')
    const [message] = await published(server)
    expect(message?.channel).toBe('test')
    expect(message?.body.toString()).toBe('Hello world!')
    expect(message?.contentType).toBe('text/plain; charset=utf-8')
    expect(message?.attributes).toBeUndefined()
    expect(message?.data).toBeUndefined()
  })

  it('takes multipart forms and JSON', async () => {
    const server = await start()

    await post(
      server,
      '/',
      MULTIPART,
      `${part('channel', 'a/b')}${part('message', 'one\r\ntwo')}--xYz--\r\n`,
    )
    await post(server, '/', JSON_TYPE, '\ufeff{"channel":"/ü","message":"drei"}')
    await post(server, '/', {}, '{"message":"four","channel":"c"}')

    expect(await lines(server)).toEqual(['a/b: one\r\ntwo', 'ü: drei', 'c: four'])
  })

  it('publishes the bytes of a form, whatever they are', async () => {
    const server = await start()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    const whole = Buffer.concat([
      Buffer.from(part('channel', 'bytes') + part('message', '').slice(0, -2)),
      bytes,
      Buffer.from('\r\n--xYz--'),
    ])

    await post(server, '/', FORM, `channel=bytes&message=${escaped}`)
    await post(server, '/', MULTIPART, whole)

    const messages = await published(server)
    expect(messages.map(({ body }) => body.equals(bytes))).toEqual([true, true])
  })

  it.each(MALFORMED.map(([headers, body, said]) => [said, headers, body] as const))(
    'says: %s',
    async (said, headers, body) => {
      const server = await start()
      const reply = await post(server, '/', headers, body)
      expect(reply.status).toBe(400)
      expect(reply.body.toString()).toContain(said)
      expect(await lines(server)).toEqual([])
    },
  )

  it('leaves GET to the index page, and answers other methods with what it allows', async () => {
    const { port } = await start()

    const index = await request(port, 'GET', '/')
    const put = await request(port, 'PUT', '/', FORM, 'channel=a&message=b')
    const options = await request(port, 'OPTIONS', '/')

    expect(index.status).toBe(200)
    expect(index.body.toString()).toContain('Fanfare')
    expect(put.status).toBe(405)
    expect(put.headers['allow']).toBe('GET, POST, OPTIONS')
    expect(options.status).toBe(200)
    expect(options.headers['allow']).toBe('GET, POST, OPTIONS')
  })

  it('stores a retried publish once, as the relay does', async () => {
    const server = await start()
    const key = { ...FORM, 'Idempotency-Key': 'build-17' }

    const first = await post(server, '/', key, 'channel=a&message=b')
    const retry = await post(server, '/', key, 'channel=a&message=b')
    const other = await post(server, '/', key, 'channel=a&message=c')

    expect(retry.status).toBe(200)
    expect(retry.headers['fanfare-id']).toBe(first.headers['fanfare-id'])
    expect(retry.headers['fanfare-duplicate']).toBe('true')
    expect(retry.body.toString()).toBe('OK (duplicate)')
    expect(other.status).toBe(422)
    expect(await lines(server)).toEqual(['a: b'])
  })

  it('takes messages from trusted peers only', async () => {
    const server = await start()
    const nobody = await start('trustedPeers: [10.0.0.0/8]')

    const page = await post(
      server,
      '/',
      { ...FORM, Origin: 'https://evil.example' },
      'channel=a&message=b',
    )
    const stranger = await post(nobody, '/', FORM, 'channel=a&message=b')

    expect([page.status, stranger.status]).toEqual([403, 403])
    expect(await lines(server)).toEqual([])
  })

  it('refuses a body over the limit with 413', async () => {
    const server = await start('limits: { maxBodyBytes: 100 }')
    const reply = await post(server, '/', FORM, `channel=a&message=${'x'.repeat(100)}`)
    expect(reply.status).toBe(413)
  })

  it('is not there when it is switched off, and publishes into its own store', async () => {
    const off = await start('webhooks: false')
    const server = await start(
      'store: { default: { type: memory }, hooks: { type: memory } }\nwebhooks: { store: hooks }',
    )

    const reply = await post(off, '/', FORM, 'channel=a&message=b')
    await post(server, '/', FORM, 'channel=a&message=b')

    expect(reply.status).toBe(404)
    expect(await published(server)).toHaveLength(0)
    expect(await published(server, 'hooks')).toHaveLength(1)
  })
})
