import { describe, expect, it } from 'vitest'
import { RawClient, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { fixture, FORM, lines, post, published } from './support.ts'

/** path, headers, body, and what the answer says */
const MALFORMED: [string, Record<string, string>, string | Buffer, string][] = [
  ['/github', {}, '', 'The body is empty'],
  ['/github', {}, 'not json', 'The body is not JSON'],
  ['/github', {}, '[{}]', 'is JSON, but no object'],
  ['/github', {}, 'null', 'is JSON, but no object'],
  ['/github', {}, Buffer.from([0x7b, 0xff, 0x7d]), 'is not UTF-8'],
  ['/github', {}, '['.repeat(1_000_000), 'is not JSON'],
  ['/github', {}, '{}', 'no repository, organization or sender'],
  ['/github', {}, '{"__proto__":{"repository":{"full_name":"a/b"}}}', 'no repository'],
  ['/github', {}, '{"repository":{"full_name":["a/b"]}}', 'no repository'],
  ['/github', {}, `{"repository":{"full_name":"${'x'.repeat(600)}"}}`, '1 to 512 bytes'],
  ['/github', FORM, 'payload=', 'The field `payload` is empty'],
  ['/github', FORM, 'payload=%7B%7D&payload=%7B%7D', 'the field `payload` 2 times'],
  ['/github', FORM, 'body=%7B%7D', 'no field `payload`'],
  ['/github', FORM, 'payload=%7', 'two hexadecimal digits'],
  ['/github', FORM, '&'.repeat(10_000), 'A form may have 1000 fields'],
  ['/gitlab', {}, '{}', 'no project or group'],
  ['/gitea', {}, '{}', 'no repository'],
  ['/bitbucket', {}, '{}', 'no repository'],
  [
    '/bitbucket',
    { 'X-Event-Key': 'repo:push' },
    `{"repository":{"full_name":"a/b"},"push":{"changes":[${'1,'.repeat(1000)}1]}}`,
    'A push may move 1000 refs',
  ],
]

describe.each(PATHS)('a forge hook over $path', ({ lean }) => {
  const start = (yaml = ''): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('takes the payload as a form field, as GitHub sends it by default', async () => {
    const server = await start()
    const text = fixture('github', 'push').toString()
    const body = new URLSearchParams({ payload: text }).toString()

    const reply = await post(server, '/github', { ...FORM, 'X-GitHub-Event': 'push' }, body)

    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(reply.headers['fanfare-id']).toMatch(/^\d+-0$/)
    expect(reply.body.toString()).toBe('OK')
    expect(await lines(server)).toHaveLength(1)
  })

  it('keeps large numbers and the order of members in the data', async () => {
    const server = await start()
    const body = '\ufeff{"z":12345678901234567890,\r\n "sender":{"login":"o"},\n"a":1.10}\n'

    await post(server, '/github', { 'X-GitHub-Event': 'meta' }, body)

    const [message] = await published(server)
    expect(message?.data).toBe(
      '{"meta":{"z":12345678901234567890,  "sender":{"login":"o"}, "a":1.10}}',
    )
  })

  it('is content with what there is', async () => {
    const server = await start()
    const push = { 'X-GitHub-Event': 'push' }
    await post(server, '/github', push, '{"repository":{"name":"r","owner":{"login":"o"}}}')
    await post(
      server,
      '/github',
      push,
      '{"repository":{"full_name":"o/r"},"commits":[null,1,{"author":"x"}],"ref":7}',
    )
    await post(
      server,
      '/github',
      { 'X-GitHub-Event': 'issues' },
      '{"repository":{"full_name":"o/r"},"issue":[]}',
    )
    await post(
      server,
      '/github',
      { 'X-GitHub-Event': 'constructor' },
      '{"organization":{"login":"o"}}',
    )
    await post(server, '/github', { 'X-GitHub-Event': 'a"b\\' }, '{"sender":{"login":"o"}}')

    expect(await lines(server)).toEqual([
      'o/r: Somebody pushed in o/r',
      'o/r: Somebody pushed 3 commits to o/r (7)',
      'o/r: Somebody changed issue in o/r',
      'o: Somebody constructor in o',
      'o: o unknown in o',
    ])
  })

  it('publishes under a prefix of its own, or by kind', async () => {
    const server = await start("webhooks: { github: { channel: 'forge/{channel}/{kind}' } }")
    await post(server, '/github', { 'X-GitHub-Event': 'push' }, fixture('github', 'push'))
    expect((await published(server))[0]?.channel).toBe('forge/octocat/hello-world/push')
  })

  it('answers a test of the connection without publishing', async () => {
    const server = await start()
    const ping = { 'X-Event-Key': 'diagnostics:ping' }
    const reply = await post(server, '/bitbucket', ping, fixture('bitbucket', 'diagnostics_ping'))
    expect(reply.status).toBe(200)
    expect(reply.headers['fanfare-id']).toBeUndefined()
    expect(await lines(server)).toEqual([])
  })

  it.each(MALFORMED.map(([path, headers, body, said]) => [path, said, headers, body] as const))(
    '%s says: %s',
    async (path, said, headers, body) => {
      const server = await start()
      const reply = await post(server, path, headers, body)
      expect(reply.status).toBe(400)
      expect(reply.body.toString()).toContain(said)
      expect(await lines(server)).toEqual([])
    },
  )

  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])('does not take %s', async (method) => {
    const { port } = await start()
    const client = await RawClient.connect(port)
    client.send(requestBytes(method, '/github'))
    const head = await client.takeUntil('\r\n\r\n')
    expect(head).toContain('405')
    expect(head).toContain('\r\nAllow: POST, OPTIONS\r\n')
  })

  it('can be switched off alone', async () => {
    const server = await start('webhooks: { gitlab: false }')
    const off = await post(server, '/gitlab', {}, fixture('gitlab', 'push'))
    const on = await post(server, '/github', {}, fixture('github', 'push'))
    expect([off.status, on.status]).toEqual([404, 200])
  })
})
