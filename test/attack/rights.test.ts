/** What was allowed once, or to somebody else, or to one door, and is asked for by another way. */
import { expect, it } from 'vitest'
import { backend } from '../access/backend.ts'
import { KeyFile } from '../access/keyed.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { SECRET, token } from '../protocols/socketio/token.ts'
import { RawClient, requestBytes } from '../support/raw.ts'
import { startServer, type TestServer } from '../support/server.ts'

async function publish({ server }: TestServer, channel: string, text: string): Promise<void> {
  await server.hub().publish({ channel: channel as never, body: Buffer.from(text) })
}

it('a key that is revoked while it is asked what it may do is revoked all the same', async () => {
  let answer = (): void => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const { asked, url } = await backend(async ({ channels }) => {
    if ((channels as string[])[0] === 'slow') await answered
    return [200, { allow: true }]
  })
  const file = new KeyFile()
  const key = file.make('app', { subscribe: ['/'] })
  const hook = `hook: { url: "${url}", timeout: 1m }`
  const { port } = await startServer(`trustedPeers: []\n${file.yaml(hook)}`)
  const open = async (channel: string): Promise<RawClient> => {
    const client = await RawClient.connect(port)
    client.send(requestBytes('GET', `/events/${channel}?access_token=${key}`))
    return client
  }
  const slow = await open('slow')
  const other = await open('other')
  await other.takeUntil('retry:')
  expect(asked).toHaveLength(2)

  file.revoke('app')
  await other.rest()
  answer()

  expect(await slow.rest()).toContain('The key was revoked.')
})

const NO_HISTORY = { sub: 'ann', fanfare: { subscribe: ['news/'], history: ['news/old'] } }
const LOGIN = `access: { jwt: { secret: "${SECRET}" } }`

it.each([
  ['since', { since: 'all' }],
  ['offset', { offset: '1-0' }],
])('who may not read what was before gets none by `%s` as it connects', async (_, auth) => {
  const world = await startServer(LOGIN)
  for (const channel of ['news/a', 'news/old']) await publish(world, channel, `before ${channel}`)
  const login = token(NO_HISTORY)
  const first = new IoClient(world.port, { auth: { token: login } })
  await first.said('connect')
  expect(await first.ask('subscribe', ['news/a', 'news/old'])).toMatchObject({ ok: true })

  const second = new IoClient(world.port, { auth: { token: login, ...auth } })
  await second.said('connect')
  await second.got(1)
  // Answered behind all that it did before.
  expect(await second.ask('subscribe', 'news/b')).toMatchObject({ ok: true })
  await publish(world, 'news/a', 'after')

  expect(await second.got(2)).toEqual(['before news/old', 'after'])
})

it('what a connection with a token followed is not gone on with by one with fewer rights', async () => {
  const world = await startServer(`users: { subscribe: [] }\n${LOGIN}`)
  await world.server.users.sessions.set('ann', 'session')
  const wide = token({ sub: 'ann', fanfare: { subscribe: ['/'] } })
  const first = new IoClient(world.port, { auth: { token: wide }, reconnection: false })
  await first.said('connect')
  await first.ask('subscribe', 'secret/', { as: 'session' })
  const { pid } = recoveryOf(first)
  first.socket.io.engine.close()
  await first.said('disconnect: forced close')
  await publish(world, 'secret/a', 'secret')

  // As the original's clients do: who it is comes in a message.
  const later = new IoClient(world.port, { auth: { pid, offset: '1-0' } })
  await later.said('connect')
  later.socket.emit('message', JSON.stringify({ userId: 'ann', hash: 'session' }))
  await later.got(1)
  await publish(world, 'secret/a', 'secret')
  await world.server.users.publish('ann', { body: Buffer.from('own') })

  expect(await later.got(2)).toEqual([{ auth: 'Authorized as ann' }, 'own'])
})

/** What the client would come back with. */
function recoveryOf({ socket }: IoClient): { pid: string } {
  return { pid: String((socket as unknown as { _pid: unknown })._pid) }
}
