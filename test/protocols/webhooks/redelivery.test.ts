import { describe, expect, it } from 'vitest'
import { PATHS, startServer } from '../../support/server.ts'
import { fixture, hmacHex, lines, post, standardHeaders, WHSEC } from './support.ts'

const A = '{"sender":{"login":"a"}}'
const B = '{"sender":{"login":"b"}}'
const SECRET = 'webhooks: { github: { secret: s3cret } }'

function github(body: string | Buffer, id?: string): Record<string, string> {
  return {
    'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', body)}`,
    ...(id === undefined ? {} : { 'X-GitHub-Delivery': id }),
  }
}

describe.each(PATHS)('redeliveries over $path', ({ lean }) => {
  const start = (yaml: string): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it('are known by the id of the delivery', async () => {
    const server = await start(SECRET)

    const first = await post(server, '/github', github(A, '1'), A)
    const again = await post(server, '/github', github(A, '1'), A)
    const other = await post(server, '/github', github(B, '1'), B)

    expect(again.status).toBe(200)
    expect(again.body.toString()).toBe('OK (duplicate)')
    expect(again.headers['fanfare-duplicate']).toBe('true')
    expect(again.headers['fanfare-id']).toBe(first.headers['fanfare-id'])
    expect(other.headers['fanfare-id']).toBe(first.headers['fanfare-id'])
    expect(await lines(server)).toEqual(['a: a unknown in a'])
  })

  it('are known by the body that was signed, whatever they call themselves', async () => {
    const server = await start(SECRET)

    await post(server, '/github', github(A, '1'), A)
    const replayed = await post(
      server,
      '/github',
      { ...github(A, '2'), 'X-GitHub-Event': 'star' },
      A,
    )
    const bare = await post(server, '/github', github(A), A)
    const other = await post(server, '/github', github(B, '3'), B)

    expect([replayed, bare, other].map(({ headers }) => headers['fanfare-duplicate'])).toEqual([
      'true',
      'true',
      undefined,
    ])
    expect(await lines(server)).toHaveLength(2)
  })

  it('are known by their id alone where nothing is signed', async () => {
    const server = await start('')

    await post(server, '/github', {}, A)
    await post(server, '/github', {}, A)
    await post(server, '/github', { 'X-GitHub-Delivery': '1' }, A)
    await post(server, '/github', { 'X-GitHub-Delivery': '1' }, B)
    await post(server, '/github', { 'X-GitHub-Delivery': '2' }, B)

    expect(await lines(server)).toEqual([
      'a: a unknown in a',
      'a: a unknown in a',
      'a: a unknown in a',
      'b: b unknown in b',
    ])
  })

  it('are told apart from those of other hooks', async () => {
    const server = await start('')
    await post(server, '/github', { 'X-GitHub-Delivery': '1' }, A)
    await post(server, '/gitea', { 'X-Gitea-Delivery': '1' }, A)
    expect(await lines(server)).toHaveLength(2)
  })

  it('of a push that moved several refs are recognised whole', async () => {
    const server = await start('webhooks: { bitbucket: { secret: s3cret } }')
    const body = fixture('bitbucket', 'repo_push-refs')
    const headers = {
      'X-Hub-Signature': `sha256=${hmacHex('s3cret', body)}`,
      'X-Event-Key': 'repo:push',
    }

    const first = await post(server, '/bitbucket', headers, body)
    const again = await post(server, '/bitbucket', headers, body)

    expect(again.headers['fanfare-id']).toBe(first.headers['fanfare-id'])
    expect(again.headers['fanfare-duplicate']).toBe('true')
    expect(await lines(server)).toHaveLength(3)
  })

  it('of Standard Webhooks are known by the signed id, with a new time too', async () => {
    const server = await start(
      `webhooks: { hooks: { a: { channel: c, message: '{n}', secret: ${WHSEC} } } }`,
    )
    const now = Math.floor(Date.now() / 1000)
    const send = (body: string, id: string, seconds = now) =>
      post(server, '/hooks/a', standardHeaders(body, { id, seconds }), body)

    await send('{"n":1}', 'msg_1')
    const again = await send('{"n":1}', 'msg_1', now - 10)
    const same = await send('{"n":1}', 'msg_2')

    expect(again.headers['fanfare-duplicate']).toBe('true')
    expect(same.headers['fanfare-duplicate']).toBeUndefined()
    expect(await lines(server)).toEqual(['c: 1', 'c: 1'])
  })

  it.each([
    ['gitlab', 'Idempotency-Key', '{"project":{"path_with_namespace":"a/b"}}'],
    ['gitlab', 'X-Gitlab-Event-UUID', '{"project":{"path_with_namespace":"a/b"}}'],
    ['gitea', 'X-Gitea-Delivery', A],
    ['gitea', 'X-Forgejo-Delivery', A],
    ['gitea', 'X-Gogs-Delivery', A],
    ['bitbucket', 'X-Request-UUID', '{"repository":{"full_name":"a/b"}}'],
    ['bitbucket', 'X-Request-Id', '{"repository":{"full_name":"a/b"}}'],
  ])('of %s have their id in %s', async (forge, header, body) => {
    const server = await start('')
    await post(server, `/${forge}`, { [header]: '1' }, body)
    const again = await post(server, `/${forge}`, { [header]: '1' }, body)
    const next = await post(server, `/${forge}`, { [header]: '2' }, body)
    expect(again.headers['fanfare-duplicate']).toBe('true')
    expect(next.headers['fanfare-duplicate']).toBeUndefined()
  })

  it("of GitLab may share an event's id with what the event caused", async () => {
    const server = await start('')
    const id = { 'X-Gitlab-Event-UUID': '1' }
    await post(server, '/gitlab', id, '{"project":{"path_with_namespace":"a/b"}}')
    await post(server, '/gitlab', id, '{"project":{"path_with_namespace":"a/c"}}')
    expect(await lines(server)).toHaveLength(2)
  })

  it('do not count when the first one failed', async () => {
    const server = await start('')
    const refused = await post(server, '/github', { 'X-GitHub-Delivery': '1' }, '{}')
    const mended = await post(server, '/github', { 'X-GitHub-Delivery': '1' }, A)
    expect([refused.status, mended.status]).toEqual([400, 200])
    expect(mended.headers['fanfare-duplicate']).toBeUndefined()
  })

  it('are not looked for with a window of 0', async () => {
    const server = await start(`limits: { idempotencyWindow: 0 }\n${SECRET}`)
    await post(server, '/github', github(A, '1'), A)
    await post(server, '/github', github(A, '1'), A)
    expect(await lines(server)).toHaveLength(2)
  })
})
