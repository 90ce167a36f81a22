import { expect, it } from 'vitest'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { backend } from './backend.ts'

async function start(url: string, more = '', yaml = '') {
  const started = await startServer(`${yaml}access: { hook: { url: "${url}", ${more} } }`)
  const post = async (channel: string): Promise<number> =>
    (await request(started.port, 'POST', `/publisher/${channel}`, {}, 'x')).status
  return { ...started, post }
}

it('is asked about what the rules allow, and remembers the answer', async () => {
  const { asked, url } = await backend(({ channels }) => {
    return (channels as string[])[0] === 'yes' ? [200, { allow: true }] : [403, undefined]
  })
  const { post } = await start(url, 'cache: 10m')
  expect(await post('yes')).toBe(202)
  expect(await post('yes')).toBe(202)
  expect(await post('no')).toBe(403)
  expect(asked).toEqual([
    {
      event: 'publish',
      caller: { kind: 'trusted', name: '127.0.0.1' },
      channels: ['yes'],
    },
    { event: 'publish', caller: { kind: 'trusted', name: '127.0.0.1' }, channels: ['no'] },
  ])
})

it.each<[string, [number, unknown] | undefined]>([
  ['does not answer', undefined],
  ['answers with an error', [500, { allow: true }]],
  ['answers with something else', [200, 'yes']],
  ['leaves out its word', [200, {}]],
])('nobody may while it %s', async (_, answer) => {
  const { url } = await backend(() => answer)
  const { post, errors } = await start(url, 'timeout: 50ms')
  expect(await post('c')).toBe(503)
  expect(String(errors[0])).toContain('access.hook')
  errors.length = 0
})

it('cannot allow what the rules do not, and is not asked', async () => {
  const { asked, url } = await backend(() => [200, { allow: true }])
  const { post } = await start(url, '', 'trustedPeers: []\n')
  expect(await post('c')).toBe(403)
  expect(asked).toEqual([])
})

it('says who it is that shows nothing of ours', async () => {
  const { asked, url } = await backend(({ headers }) => {
    const { cookie } = headers as { cookie?: string }
    if (cookie === undefined) return [403, undefined]
    return [200, { allow: true, user: 'ann', subscribe: ['of/{user}'], publish: ['of/{user}'] }]
  })
  const { port } = await start(url, 'on: [connect]', 'trustedPeers: []\n')
  const post = async (channel: string, headers = {}): Promise<number> =>
    (await request(port, 'POST', `/publisher/${channel}`, headers, 'x')).status
  expect(await post('of/ann', { Cookie: 'session=1' })).toBe(202)
  expect(await post('of/bob', { Cookie: 'session=1' })).toBe(403)
  expect(await post('of/ann')).toBe(401)
  expect(asked[0]).toEqual({
    event: 'connect',
    peer: '127.0.0.1',
    headers: { cookie: 'session=1' },
  })
})

it.each([
  ['nobody in particular', { subscribe: ['open'] }, 'open', 'other'],
  ['somebody, and only what may be read of before', { user: 'ann', history: [] }, '', 'open'],
])('who may connect as %s may do no more than it said', async (_, said, may, mayNot) => {
  const { url } = await backend(() => [200, { allow: true, ...said }])
  const yaml = 'trustedPeers: []\nusers: { subscribe: [open] }\n'
  const { server, port } = await start(url, 'on: [connect]', yaml)
  for (const channel of ['open', 'other']) {
    await server.hub().publish({ channel: channel as never, body: Buffer.from('x') })
  }
  const status = async (channel: string): Promise<number> =>
    (await request(port, 'GET', `/subscriber/${channel}`)).status
  expect(await status(mayNot)).toBe(403)
  if (may !== '') expect(await status(may)).toBe(200)
})
