/** Clients of Socket.IO of all ages and two languages, none of which anybody here wrote. */
import { createRequire } from 'node:module'
import { io as io4 } from 'socket.io-client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Running } from '../cli/cli-program.ts'
import { Proxy } from '../client/proxy.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

/** What the clients of all ages have in common. */
interface Client {
  readonly connected: boolean
  readonly io: { readonly engine: { readonly transport: { readonly name: string } } }
  on(event: string, listener: (...args: unknown[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  send(data: unknown): unknown
  disconnect(): unknown
}
type Io = (url: string, options: object) => Client

const require = createRequire(import.meta.url)
const AGES = [
  { age: 4, io: io4 as unknown as Io },
  { age: 3, io: (require('socket.io-client-3') as { io: Io }).io },
  { age: 2, io: require('socket.io-client-2') as Io },
]
const TRANSPORTS = [['polling'], ['websocket'], ['polling', 'websocket']]
const CASES = AGES.flatMap(({ age, io }) =>
  TRANSPORTS.map((transports) => ({ age, io, transports, by: transports.join(' and ') })),
)

async function start() {
  const { server, port } = await startServer()
  await server.users.sessions.set('1', 'test')
  const proxy = await Proxy.start(port)
  const tell = async (text: string) => server.users.publish('1', { body: Buffer.from(text) })
  const publish = async (text: string) =>
    server.hub().publish({ channel: 'news' as never, body: Buffer.from(text) })
  const url = `http://127.0.0.1:${proxy.port}`
  return { server, proxy, tell, publish, url }
}

/** A client that says what `said` says at each connect: in `auth`, or in the query where there is none. */
function connect(
  { age, io, transports }: (typeof CASES)[number],
  url: string,
  said: () => Record<string, unknown>,
) {
  const options = {
    transports,
    forceNew: true,
    reconnectionDelay: 5,
    reconnectionDelayMax: 20,
    ...(age === 2 ? { query: said() } : { auth: (tell: (auth: object) => void) => tell(said()) }),
  }
  const client = io(url, options)
  const messages: unknown[] = []
  client.on('message', (message) => messages.push(message))
  if (age === 2) {
    const manager = client.io as unknown as { opts: { query: object } }
    client.on('reconnect_attempt', () => (manager.opts.query = said()))
  }
  onTestFinished(() => void client.disconnect())
  const got = async (count: number): Promise<unknown[]> => {
    await until(() => messages.length >= count, `${count} messages, not ${messages.length}`)
    return messages
  }
  return { client, messages, got }
}

describe.each(CASES)('socket.io-client $age by $by', (given) => {
  it('logs in by its handshake, subscribes and receives', async () => {
    const { url, tell, publish } = await start()
    const { client, got } = connect(given, url, () => ({ session: 'test' }))
    await until(() => client.connected, 'it is connected')

    const answer = await new Promise((resolve) => client.emit('subscribe', 'news', resolve))
    expect(answer).toMatchObject({ ok: true, channels: ['news'] })
    await tell('{"for":["you"]}')
    await publish('for all ☃')

    expect(await got(2)).toEqual([{ for: ['you'] }, 'for all ☃'])
    const last = given.transports.at(-1)
    await until(() => client.io.engine.transport.name === last, 'it has its last transport')
  })

  it('logs in as the original’s clients do, twice, and both receive', async () => {
    const { url, tell } = await start()
    const clients = [connect(given, url, () => ({})), connect(given, url, () => ({}))]
    for (const { client, got } of clients) {
      await until(() => client.connected, 'it is connected')
      client.send('{"userId":"1","hash":"test"}')
      expect(await got(1)).toEqual([{ auth: 'Authorized as 1' }])
    }

    await tell('{"n":1}')

    for (const { got } of clients) expect((await got(2))[1]).toEqual({ n: 1 })
  })

  it('is refused in its own terms', async () => {
    const { url } = await start()
    const { client } = connect(given, url, () => ({ session: 'wrong' }))

    const error = await new Promise((resolve) => {
      client.on(given.age === 2 ? 'error' : 'connect_error', resolve)
    })

    const { code } = given.age === 2 ? (error as { code: string }) : (error as Refused).data
    expect(code).toBe('not_authorized')
  })

  it('goes on by the last id that it had, each message once', async () => {
    const { url, proxy, tell } = await start()
    let since: string | undefined
    const { client, messages } = connect(given, url, () => ({
      session: 'test',
      envelope: true,
      ...(since === undefined ? {} : { since }),
    }))
    client.on('message', (message) => (since = (message as { id: string }).id))
    await until(() => client.connected, 'it is connected')
    let sent = 0
    for (let cuts = 0; cuts < 4; cuts++) {
      for (let count = 0; count < 50; count++) await tell(String(sent++))
      await until(() => messages.length > sent - 40, 'some of them')
      let broken = false
      client.on('disconnect', () => (broken = true))
      for (let count = 0; count < 50; count++) await tell(String(sent++))
      // Between two polls there is nothing to break.
      await until(() => {
        if (!broken) proxy.cut()
        return broken
      }, 'it breaks')
      await until(() => client.connected, 'it is back')
    }
    await until(() => messages.length >= sent, `${sent} messages`)

    const bodies = messages.map((message) => (message as { body: string }).body)
    expect(bodies).toEqual(Array.from({ length: sent }, (_, n) => String(n)))
  })
})

interface Refused {
  readonly data: { readonly code: string }
}

function python(...args: string[]): Running {
  const program = 'test/interop/programs/socketio-client.py'
  return new Running('/usr/bin/python3', [program, ...args])
}

describe.skipIf(missing.includes('Socket.IO for Python'))('python-socketio', () => {
  it.each(TRANSPORTS)('logs in by its handshake, receives, and goes on: %s %s', async (...by) => {
    const { url, proxy, tell, publish } = await start()
    const client = python(url, 'test', by.filter(Boolean).join(','))
    await until(() => client.stdout.includes('subscribed ["news"]'), 'it is subscribed')
    await tell('one')
    await publish('two')
    await until(() => /"one"[^]*"two"|"two"[^]*"one"/.test(client.stdout), 'it receives')

    const before = proxy.connections
    await until(() => {
      if (!client.stdout.includes('disconnected')) proxy.cut()
      return client.stdout.includes('disconnected')
    }, 'it breaks')
    await tell('three')
    await publish('four')
    await until(() => /"three"[^]*"four"|"four"[^]*"three"/.test(client.stdout), 'it goes on')
    await tell('bye')
    await client.ended()

    expect(client.stderr).toBe('')
    // Its handlers run side by side, and may overtake one another.
    const messages = client.lines.filter((line) => line.startsWith('message'))
    const expected = ['one', 'two', 'three', 'four', 'bye'].map((text) => `message "${text}"`)
    expect(messages.toSorted()).toEqual(expected.toSorted())
    expect(proxy.connections).toBeGreaterThan(before)
  })

  it('logs in as the original’s clients do', async () => {
    const { url, tell } = await start()
    const client = python(url, 'test', 'websocket', 'original')
    await until(() => client.stdout.includes('Authorized as 1'), 'it is logged in')
    await tell('{"a":1}')
    await until(() => client.stdout.includes('{"a": 1}'), 'it receives')
    await tell('bye')
    await client.ended()

    expect(client.lines).toEqual([
      'connected',
      'message {"auth": "Authorized as 1"}',
      'message {"a": 1}',
      'message "bye"',
      'disconnected',
    ])
  })

  it('is refused in its own terms', async () => {
    const { url } = await start()
    const client = python(url, 'wrong', 'websocket')
    await client.ended()

    expect(client.stdout).toContain('There is no such session')
    expect(client.stdout).toContain('"code": "not_authorized"')
  })
})
