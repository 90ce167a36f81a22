/** ZeroMQ with PLAIN and CURVE: who connects says who it is. */
import { join } from 'node:path'
import { curveKeyPair, type EventType, Push, type Socket, Subscriber } from 'zeromq'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import type { KeyRecord } from '../../../src/access/keys.ts'
import { KeyFile, folder } from '../../access/keyed.ts'
import { SECRET, token } from '../socketio/token.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { newVersion, type SparkleshareTest, startSparkleshare } from './sparkleshare-client.ts'

/** The keys that there are in each test. */
const keysOf = (now: number): Readonly<Record<string, Partial<KeyRecord>>> => ({
  ci: { publish: ['/'] },
  builds: { publish: ['builds/'] },
  good: { subscribe: ['/'] },
  all: { publish: ['/'], subscribe: ['/'] },
  gone: { publish: ['/'], subscribe: ['/'] },
  one: { subscribe: ['a', 'both'] },
  two: { subscribe: ['b', 'both'] },
  revoked: { publish: ['/'], revoked: 1 },
  expired: { publish: ['/'], expires: 1 },
  short: { publish: ['/'], expires: now + 3_000 },
})

interface Made {
  readonly secret: string
  readonly pair: ReturnType<typeof curveKeyPair>
}

/** A client's options: what it shows. */
type Shown = Readonly<Record<string, string>>

interface Secured extends SparkleshareTest {
  readonly file: KeyFile
  readonly zeromqTraffic: { connections: number; refused: number; wentBehind: number }
  /** What a client shows that has the key of this name. */
  key(name: string): Shown
}

const MECHANISMS = ['plain', 'curve'] as const
type Mechanism = (typeof MECHANISMS)[number]

async function start(
  security: Mechanism,
  more = '',
  yaml = 'trustedPeers: []\n',
): Promise<Secured> {
  const file = new KeyFile()
  // Before the start: a file that changes is not read at once.
  const keys = new Map<string, Made>()
  for (const [name, may] of Object.entries(keysOf(Date.now()))) {
    const pair = curveKeyPair()
    keys.set(name, { secret: file.make(name, { ...may, curve: pair.publicKey }), pair })
  }
  const curveKey = JSON.stringify(join(folder(), 'zeromq.key'))
  const zeromq = `zeromq: { broadcast: 0, command: 0, security: ${security}, curveKey: ${curveKey} ${more} }`
  const access = yaml.includes('access:') ? '' : file.yaml()
  const test = await startSparkleshare(zeromq, `${yaml}${access}`)
  const server = serverKeyOf(test)
  return {
    ...test,
    file,
    zeromqTraffic: test.server.traffic.of('zeromq'),
    key: (name) => {
      const { secret, pair } = keys.get(name) as Made
      return security === 'plain' ? plain(name, secret) : curve(server, pair)
    },
  }
}

const serverKeyOf = ({ server }: SparkleshareTest): string =>
  server.places.find(({ what }) => what === 'zmq key')?.where ?? ''

const plain = (plainUsername: string, plainPassword: string): Shown => ({
  plainUsername,
  plainPassword,
})

const curve = (curveServerKey: string, pair = curveKeyPair()): Shown => ({
  curveServerKey,
  curvePublicKey: pair.publicKey,
  curveSecretKey: pair.secretKey,
})

function pusher({ command }: SparkleshareTest, shown: Shown = {}): Push {
  const socket = new Push({ linger: 0, sendTimeout: 10_000, immediate: true, ...shown })
  onTestFinished(() => socket.close())
  return connected(socket, command)
}

function subscriber(
  { broadcast }: SparkleshareTest,
  shown: Shown,
  ...topics: string[]
): Subscriber {
  const socket = new Subscriber({ linger: 0, receiveTimeout: 10_000, ...shown })
  onTestFinished(() => socket.close())
  socket.subscribe(...topics)
  return connected(socket, broadcast)
}

function connected<S extends Socket>(socket: S, port: number): S {
  socket.connect(`tcp://127.0.0.1:${port}`)
  return socket
}

function said(socket: Socket, ...what: EventType[]): Promise<unknown> {
  return new Promise((done) => {
    for (const one of what) socket.events.on(one, done)
  })
}

/** As the handshake went: `ok`, or the status that it was refused with. */
async function shaken(socket: Socket): Promise<unknown> {
  const event = await said(socket, 'handshake', 'handshake:error:auth')
  return (event as { error?: { status: number } }).error?.status ?? 'ok'
}

async function next(socket: Subscriber): Promise<string[]> {
  return (await socket.receive()).map((frame) => frame.toString())
}

/** The server has heard of everybody's subscriptions: it follows for so many. */
function followed({ server }: SparkleshareTest, peers: number): Promise<void> {
  return until(() => server.hub().receivers('x' as never) === peers, 'they are followed for')
}

const publish = ({ server }: SparkleshareTest, channel: string, revision: string): unknown =>
  server.hub().publish({
    channel: channel as ChannelName,
    body: Buffer.alloc(0),
    attributes: { revision },
  })

/** How many messages a channel has. */
async function countOf({ server }: SparkleshareTest, channel: string): Promise<number> {
  return (await server.hub().stat(channel as never))?.messages ?? 0
}

/** Waits until a channel has so many messages. */
async function published(test: SparkleshareTest, channel: string, count = 1): Promise<void> {
  await until(async () => (await countOf(test, channel)) >= count, `${count} in ${channel}`)
}

describe.each(MECHANISMS)('ZeroMQ with %s', (security) => {
  it('a key may publish what its rules say, and nothing else', async () => {
    const test = await start(security)
    const push = pusher(test, test.key('builds'))
    await push.send(newVersion('other', 'r1'))
    await push.send(newVersion('builds/1', 'r2'))
    await published(test, 'builds/1')
    expect(await countOf(test, 'other')).toBe(0)
    await until(() => test.zeromqTraffic.refused === 1, 'the other is counted')
  })

  it('each peer is told of what its own key may follow', async () => {
    const test = await start(security)
    const one = subscriber(test, test.key('one'), '')
    const two = subscriber(test, test.key('two'), '')
    const narrow = subscriber(test, test.key('all'), 'b')
    await followed(test, 3)
    for (const channel of ['a', 'b', 'c', 'both']) publish(test, channel, `r of ${channel}`)
    expect(await next(one)).toEqual(['a', 'r of a'])
    expect(await next(one)).toEqual(['both', 'r of both'])
    expect(await next(two)).toEqual(['b', 'r of b'])
    expect(await next(two)).toEqual(['both', 'r of both'])
    expect(await next(narrow)).toEqual(['b', 'r of b'])
    expect(await next(narrow)).toEqual(['both', 'r of both'])
  })

  it('who may do nothing on a socket is refused in the handshake', async () => {
    const test = await start(security)
    const publishes = test.key('ci')
    const follows = test.key('good')
    expect(await shaken(subscriber(test, publishes, ''))).toBe(400)
    expect(await shaken(pusher(test, follows))).toBe(400)
    expect(await shaken(subscriber(test, follows, ''))).toBe('ok')
    expect(await shaken(pusher(test, publishes))).toBe('ok')
  })

  it('a key that was revoked, or has expired, opens nothing', async () => {
    const test = await start(security)
    const revoked = test.key('revoked')
    const expired = test.key('expired')
    expect(await shaken(pusher(test, revoked))).toBe(400)
    expect(await shaken(pusher(test, expired))).toBe(400)
  })

  it('one that is revoked ends the connections that it opened, and no others', async () => {
    const test = await start(security)
    const shown = test.key('gone')
    const push = pusher(test, shown)
    const sub = subscriber(test, shown, '')
    const stays = subscriber(test, test.key('good'), '')
    await push.send(newVersion('x', 'r1'))
    await followed(test, 2)
    const ended = Promise.all([said(push, 'disconnect'), said(sub, 'disconnect')])
    const refused = Promise.all([
      said(push, 'handshake:error:auth'),
      said(sub, 'handshake:error:auth'),
    ])
    test.file.revoke('gone')
    await ended
    // They come back by themselves, and are told.
    await refused
    await until(() => test.zeromqTraffic.connections === 1, 'one is left')
    publish(test, 'y', 'r2')
    while ((await next(stays))[0] !== 'y');
  })

  it('one that expires ends them, too', async () => {
    const test = await start(security)
    const shown = test.key('short')
    const push = pusher(test, shown)
    const ended = said(push, 'disconnect')
    await push.send(newVersion('x', 'r'))
    await published(test, 'x')
    await ended
    await until(() => test.zeromqTraffic.connections === 0, 'it has gone')
  })

  it('a peer that shows nothing gets nothing, and disturbs nobody', async () => {
    const test = await start(security, '', 'trustedPeers: [127.0.0.1]\n')
    const good = subscriber(test, test.key('good'), '')
    await followed(test, 1)
    const push = new Push({ linger: 0, sendTimeout: 300 })
    onTestFinished(() => push.close())
    connected(push, test.command)
    const silent = subscriber(test, {}, '')
    silent.receiveTimeout = 300
    const hungUp = Promise.all([said(push, 'disconnect'), said(silent, 'disconnect')])
    await push.send(newVersion('x', 'no')).catch(() => {})
    await hungUp
    publish(test, 'y', 'yes')
    expect(await next(good)).toEqual(['y', 'yes'])
    await expect(silent.receive()).rejects.toMatchObject({ code: 'EAGAIN' })
    expect(await countOf(test, 'x')).toBe(0)
  })

  it.each([
    ['a web page', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['ZMTP 1.0', '\x01\x00\x02\x00x'],
    ['ZMTP 2.0', `\xff${'\0'.repeat(7)}\x01\x7f\x01\x08\x00\x00`],
    ['another mechanism', `\xff${'\0'.repeat(7)}\x01\x7f\x03\x01GSSAPI${'\0'.repeat(46)}`],
    [
      'what is no handshake',
      `\xff${'\0'.repeat(7)}\x01\x7f\x03\x01${security.toUpperCase()}${'\0'.repeat(47)}${'\xff'.repeat(99)}`,
    ],
  ])('hangs up on %s', async (_, bytes) => {
    const test = await start(security)
    for (const port of [test.command, test.broadcast]) {
      const client = await RawClient.connect(port)
      client.send(Buffer.from(bytes, 'latin1'))
      expect((await client.rest()).startsWith('\xff')).toBe(true)
    }
    await until(() => test.zeromqTraffic.connections === 0, 'nothing is left')
  })

  it('lets go of whoever says nothing, or stops in the middle', async () => {
    const limits = 'limits: { handshakeTimeout: 100ms, heartbeat: 200ms }\n'
    const test = await start(security, '', limits)
    const silent = await RawClient.connect(test.command)
    const half = await RawClient.connect(test.command)
    const name = security.toUpperCase()
    half.send(
      Buffer.from(`\xff${'\0'.repeat(7)}\x01\x7f\x03\x01${name}${'\0'.repeat(47)}`, 'latin1'),
    )
    await Promise.all([silent.rest(), half.rest()])
    await until(() => test.zeromqTraffic.connections === 0, 'nothing is left')
  })

  it('obeys all that a peer has sent before it goes', async () => {
    const test = await start(security, ', receiveHighWaterMark: 10000')
    const shown = test.key('ci')
    for (let round = 0; round < 3; round++) {
      const push = new Push({ linger: 5_000, sendHighWaterMark: 10_000, ...shown })
      connected(push, test.command)
      for (let n = 0; n < 5000; n++) await push.send(newVersion(`x${round}`, `r${n}`))
      push.close()
      await published(test, `x${round}`, 5000)
    }
    await until(() => test.zeromqTraffic.connections === 0, 'all have gone')
  })

  it('keeps what a slow peer cannot take yet, drops nothing, and has nobody wait for it', async () => {
    const test = await start(
      security,
      ', sendHighWaterMark: 10',
      'limits: { maxUnsentBytes: 1MiB }\n',
    )
    const shown = test.key('good')
    const small = { receiveHighWaterMark: 5, receiveBufferSize: 64 * 1024 }
    const slow = new Subscriber({ linger: 0, receiveTimeout: 10_000, ...small, ...shown })
    onTestFinished(() => slow.close())
    slow.subscribe('x')
    connected(slow, test.broadcast)
    const quick = subscriber(test, shown, 'x')
    await followed(test, 2)
    const filler = 'z'.repeat(100_000)
    for (let n = 0; n < 300; n++) {
      publish(test, 'x', `${n} ${filler}`)
      expect((await next(quick))[1]).toBe(`${n} ${filler}`)
    }
    expect(test.zeromqTraffic.wentBehind).toBeGreaterThan(0)
    for (let n = 0; n < 300; n++) expect((await next(slow))[1]).toBe(`${n} ${filler}`)
  })

  it('lets go of a peer that subscribes to more than it may', async () => {
    const test = await start(security, '', 'limits: { maxSubscriptions: 3 }\n')
    const shown = test.key('good')
    const few = subscriber(test, shown, 'a', 'b', 'c')
    await followed(test, 1)
    const many = subscriber(test, shown, 'a', 'b', 'c')
    await followed(test, 2)
    const ended = said(many, 'disconnect')
    many.subscribe('d')
    await ended
    publish(test, 'c', 'r')
    expect(await next(few)).toEqual(['c', 'r'])
  })

  it('has no more peers than it may', async () => {
    const test = await start(security, ', maxPeers: 1')
    const shown = test.key('all')
    const first = pusher(test, shown)
    expect(await shaken(first)).toBe('ok')
    const second = await RawClient.connect(test.broadcast)
    await second.rest()
    first.close()
    expect(await shaken(subscriber(test, shown, ''))).toBe('ok')
  })

  it('frees its ports when it stops', async () => {
    const first = await start(security)
    expect(await shaken(pusher(first, first.key('ci')))).toBe('ok')
    await first.server.stop()
    await startSparkleshare(
      `zeromq: { broadcast: ${first.broadcast}, command: ${first.command}, security: plain }`,
    )
  })
})

describe('PLAIN', () => {
  it.each([
    ['a wrong secret', 'ci', `ffk_${'x'.repeat(43)}`],
    ['what is no key', 'ci', 'hunter2'],
  ])('refuses %s, even of a trusted peer', async (_, user, password) => {
    const test = await start('plain', '', 'trustedPeers: [127.0.0.1]\n')
    expect(await shaken(pusher(test, plain(user, password)))).toBe(400)
  })

  it('refuses the name of another key', async () => {
    const test = await start('plain')
    const { plainPassword = '' } = test.key('ci')
    expect(await shaken(pusher(test, plain('other', plainPassword)))).toBe(400)
    expect(await shaken(pusher(test, plain('default', plainPassword)))).toBe('ok')
  })

  it('refuses a name and a secret of no characters', async () => {
    const test = await start('plain', '', 'trustedPeers: [127.0.0.1]\n')
    const client = await RawClient.connect(test.command)
    const greeting = `\xff${'\0'.repeat(8)}\x7f\x03\x01PLAIN${'\0'.repeat(47)}`
    client.send(Buffer.from(`${greeting}\x04\x08\x05HELLO\0\0`, 'latin1'))
    // libzmq's own word for ERROR begins with another letter.
    await client.takeUntil('RROR\x03400')
    expect(test.zeromqTraffic.refused).toBe(1)
  })

  it('takes a token', async () => {
    const yaml = `trustedPeers: []\naccess: { jwt: { secret: "${SECRET}" } }\n`
    const test = await start('plain', '', yaml)
    const push = pusher(test, plain('u', token({ sub: 'u', fanfare: { publish: ['x'] } })))
    await push.send(newVersion('x', 'r'))
    await published(test, 'x')
  })
})

describe('CURVE', () => {
  it('refuses a client whose key nobody has named', async () => {
    const test = await start('curve', '', 'trustedPeers: [127.0.0.1]\n')
    const { curveServerKey = '' } = test.key('ci')
    expect(await shaken(pusher(test, curve(curveServerKey)))).toBe(400)
  })

  it('says nothing to a client that takes it for another server', async () => {
    const test = await start('curve')
    const shown = test.key('ci')
    const other = { ...shown, curveServerKey: curveKeyPair().publicKey }
    const push = pusher(test, other)
    await said(push, 'disconnect')
    const right = pusher(test, shown)
    await right.send(newVersion('x', 'r'))
    await published(test, 'x')
  })

  it('has the same key after a start anew', async () => {
    const key = JSON.stringify(join(folder(), 'deep', 'zeromq.key'))
    const begin = () =>
      startSparkleshare(`zeromq: { broadcast: 0, command: 0, security: curve, curveKey: ${key} }`)
    const first = serverKeyOf(await begin())
    expect(first).toHaveLength(40)
    expect(serverKeyOf(await begin())).toBe(first)
  })
})
