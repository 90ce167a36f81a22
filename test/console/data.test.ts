/** What the console's page is told, read as the page reads it. */
import { execFileSync } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Published } from '../../src/hub/contract.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { LogHub } from '../../src/hub/log-hub.ts'
import type { ChannelName } from '../../src/model/channel.ts'
import { formatId } from '../../src/model/id.ts'
import type {
  ChannelList,
  ChannelTick,
  Replay,
  Shown,
  Snapshot,
  UserList,
  UserView,
} from '../../src/protocols/management/console/data.ts'
import { Overview } from '../../src/protocols/management/console/overview.ts'
import { type ConsoleStream, Ticker } from '../../src/protocols/management/console/stream.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import type { UserConnection } from '../../src/users/contract.ts'
import { connected } from '../protocols/fanout/fanout-client.ts'
import { publish } from '../protocols/events/events-client.ts'
import { doorContext } from '../support/door-context.ts'
import { RawClient, request } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { startConsole } from './server.ts'
import { ConsoleClient, getJson } from './client.ts'

const KEY = 'a key of more than 16'.replaceAll(' ', '-')

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/console.mjs'], { stdio: 'inherit' })
})

function post(hub: Hub, channel: string, body = 'x'): string {
  const published = hub.publish({ channel: channel as ChannelName, body: Buffer.from(body) })
  return formatId((published as Published).id)
}

describe('the page', () => {
  it('is one script and one style, under 100 KB in all, kept by browsers for good', async () => {
    const { management } = await startConsole()
    const page = await fetch(management)
    const html = await page.text()
    const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '')
    expect(files.map((path) => path.replace(/-[0-9A-Z]{8}\./, '-HASH.'))).toEqual([
      '/assets/console-HASH.css',
      '/assets/console-HASH.js',
    ])
    let size = gzipSync(html).length
    for (const path of files) {
      const file = await fetch(new URL(path, management))
      expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(file.headers.get('content-encoding')).toBe('gzip')
      size += Number(file.headers.get('content-length'))
    }
    expect(size).toBeLessThan(60_000)
    expect(page.headers.get('cache-control')).toBe('no-cache')
  })

  it('lets nothing run in it but its own files', async () => {
    const { management } = await startConsole()
    const { headers } = await fetch(management)
    expect(headers.get('content-security-policy')?.split('; ')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]),
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  it('has no files but those that were built', async () => {
    const { management } = await startConsole()
    for (const path of ['assets/', 'assets/none.js', 'assets/..%2Fconsole.html', 'console/none']) {
      expect((await fetch(management + path)).status, path).toBe(404)
    }
  })

  it('needs no key, unlike everything that it shows', async () => {
    const { management } = await startConsole('', `port: 0, key: ${KEY}`)
    expect((await fetch(management)).status).toBe(200)
    const script = /src="([^"]+)"/.exec(await (await fetch(management)).text())?.[1] ?? ''
    expect((await fetch(new URL(script, management))).status).toBe(200)
    for (const what of [
      'overview',
      'channels',
      'messages?channel=a',
      'users',
      'user?id=1',
      'stores',
    ]) {
      expect((await fetch(`${management}console/${what}`)).status, what).toBe(401)
    }
    const Authorization = `Bearer ${KEY}`
    const client = await ConsoleClient.open(`${management}console/overview`, { Authorization })
    expect(client.status).toBe(200)
  })
})

describe('the overview', () => {
  it('tells once a second what goes through each door', async () => {
    const { management, port, server } = await startConsole('fanout: { port: 0 }')
    const where = server.places.find(({ what }) => what === 'fanout')?.where ?? ''
    const subscriber = await connected(Number(new URL(where).port))
    subscriber.send('subscribe a\n')
    await until(() => server.hub().receivers('a' as ChannelName) === 1, 'it is subscribed')
    const client = await ConsoleClient.open(`${management}console/overview`)
    await client.next('snapshot')

    for (let n = 0; n < 10; n++) await publish(port, 'a', 'hello')
    const snapshot = await client.next<Snapshot>('snapshot', ({ publishes }) => publishes > 0)
    const refused = await request(port, 'DELETE', '/publisher/none')

    const of = (name: string) => snapshot.doors.find((door) => door.name === name)
    expect(of('relay')).toMatchObject({ published: expect.any(Number), delivered: 0 })
    expect(of('fanout')).toMatchObject({ connections: 1, accepted: 1, followers: 2 })
    expect(snapshot.connections).toBe(1)
    expect(snapshot.channels).toBe(1)
    expect(snapshot.rss).toBeGreaterThan(snapshot.heap)
    expect(snapshot.delay.p99).toBeGreaterThanOrEqual(snapshot.delay.p50)
    await client.next<Snapshot>('snapshot', ({ doors }) =>
      doors.some(({ name, published, refused: count }) => {
        return name === 'relay' && published === 10 && count === 1
      }),
    )
    await client.next<Snapshot>('snapshot', ({ doors }) =>
      doors.some(({ name, delivered }) => name === 'fanout' && delivered === 10),
    )
    expect(refused.status).toBe(404)
  })

  it('does not count its own streams', async () => {
    const { management, server } = await startConsole()
    const watch = await ConsoleClient.open(`${management}console/messages?channel=/`)
    const client = await ConsoleClient.open(`${management}console/overview`)
    await watch.next('tick')
    post(server.hub(), 'a')
    await watch.next('messages')
    const before = client.all('snapshot').length
    await until(() => client.all('snapshot').length > before + 1, 'two more')
    const snapshot = client.all<Snapshot>('snapshot').at(-1)
    expect(snapshot).toMatchObject({ deliveries: 0, connections: 0 })
    expect(snapshot?.doors.map(({ name }) => name)).not.toContain('console')
  })

  it('names subscribers that are slow, and what they follow', async () => {
    const { management, port, server } = await startConsole('limits: { maxUnsentBytes: 64KiB }')
    const subscriber = await RawClient.connect(port)
    subscriber.socket.pause()
    subscriber.send('GET /events/?channel=a&channel=t/ HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => server.hub().receivers('a' as ChannelName) === 1, 'it is subscribed')
    const client = await ConsoleClient.open(`${management}console/overview`)
    for (let n = 0; n < 300; n++) {
      post(server.hub(), 'a', 'x'.repeat(64 * 2 ** 10))
      await setImmediate()
    }
    const { slow } = await client.next<Snapshot>('snapshot', (snapshot) => snapshot.slow.length > 0)
    expect(slow).toMatchObject([{ door: 'events', channels: ['a', 't/'] }])
    expect(slow[0]?.unsent).toBeGreaterThan(0)
  })

  it('tells of errors, those of before included', async () => {
    const context = doorContext(new LogHub(new MemoryStore(), { soon: queueMicrotask }))
    const ticker = new Ticker(5, (error) => context.onError(error))
    const overview = new Overview(context, ticker)
    const told: string[][] = []
    const stream = {
      connection: { unsent: 0 },
      send(name: string, data: { text: string }[]): void {
        if (name === 'errors') told.push(data.map(({ text }) => text))
      },
    } as unknown as ConsoleStream
    onTestFinished(() => overview.leave(stream))

    context.errors.add(new Error('first'))
    overview.join(stream)
    context.errors.add(new Error('second'))
    await until(() => told.length === 2, 'it is told twice')
    expect(told).toEqual([['Error: first'], ['Error: first', 'Error: second']])
  })
})

describe('the list of channels', () => {
  const names = Array.from({ length: 10_000 }, (_, n) => `c/${String(n).padStart(5, '0')}`)

  it('gives a page of ten thousand, searched and sorted', async () => {
    const { management, server } = await startConsole()
    for (const name of names) post(server.hub(), name)
    for (let n = 0; n < 3; n++) post(server.hub(), 'c/04321', 'longer')
    const list = (query: string): Promise<ChannelList> =>
      getJson(`${management}console/channels?${query}`)

    const page = await list('offset=9990&limit=100')
    expect(page).toMatchObject({ total: 10_000, known: 10_000, cut: false, offset: 9_990 })
    expect(page.rows.map(({ name }) => name)).toEqual(names.slice(9_990))
    const most = await list('sort=messages&order=desc&limit=1')
    expect(most.rows).toMatchObject([{ name: 'c/04321', messages: 4, subscribers: 0 }])
    const found = await list('search=0432')
    expect(found.rows.map(({ name }) => name)).toEqual(
      names.filter((name) => name.includes('0432')),
    )
  })

  it('tells how many come a second, and who follows by which door', async () => {
    const { management, port, server } = await startConsole()
    const url = `${management}console/channels?search=a`
    const events = new AbortController()
    await fetch(`http://127.0.0.1:${port}/subscriber/a`, {
      headers: { Accept: 'text/event-stream' },
      signal: events.signal,
    })
    post(server.hub(), 'a')
    expect((await getJson<ChannelList>(url)).rows).toMatchObject([
      { name: 'a', rate: null, subscribers: 1, doors: { events: 1 } },
    ])
    for (let n = 0; n < 50; n++) post(server.hub(), 'a')
    let row = (await getJson<ChannelList>(url)).rows[0]
    while (row?.rate === null) row = (await getJson<ChannelList>(url)).rows[0]
    expect(row?.rate).toBeGreaterThan(10)
    expect(row?.rate).toBeLessThanOrEqual(56)
    events.abort()
  })

  it('gives names that are no text as bytes, and never a log of a user', async () => {
    const { management, server } = await startConsole()
    post(server.hub(), 'b\xff/x y')
    await server.users.sessions.set('1', 'secret')
    const login = await server.users.connect('1', connectionOf('one'))
    await server.users.publish('1', { body: Buffer.from('for 1 alone') })
    const { rows, known } = await getJson<ChannelList>(`${management}console/channels`)
    expect(rows).toMatchObject([{ id: 'b%FF/x%20y', name: 'b\ufffd/x y' }])
    expect(known).toBe(1)
    const client = await ConsoleClient.open(`${management}console/messages?channel=/&last=100`)
    expect((await client.next<Replay>('replay')).messages).toHaveLength(1)
    login.left()
  })

  it('refuses what makes no sense, in words', async () => {
    const { management } = await startConsole()
    for (const query of ['sort=none', 'offset=-1', 'limit=9999', 'store=none', 'search=%zz']) {
      const response = await fetch(`${management}console/channels?${query}`, {
        headers: { Accept: 'application/json' },
      })
      expect(response.status, query).toBe(400)
      expect(await response.json(), query).toMatchObject({ error: { code: 'bad_request' } })
    }
  })
})

describe('the messages of a channel', () => {
  it('are replayed, and go on without one lost or twice', async () => {
    const { management, server } = await startConsole()
    const hub = server.hub()
    for (let n = 0; n < 5; n++) post(hub, 'a', String(n))
    const url = `${management}console/messages?channel=a&last=3`
    const client = await ConsoleClient.open(url)
    const replay = await client.next<Replay>('replay')
    expect(replay.messages.map(({ text }) => text)).toEqual(['2', '3', '4'])
    post(hub, 'a', 'now')
    post(hub, 'b', 'elsewhere')
    expect(await client.next<Shown>('messages')).toMatchObject([
      { channel: 'a', text: 'now', size: 3, type: null, cut: false, data: null },
    ])
    const tick = await client.next<ChannelTick>('tick', ({ passed }) => passed > 0)
    expect(tick).toMatchObject({ passed: 1, shown: 1, messages: 6, bytes: expect.any(Number) })
  })

  it('are sampled when they are too many, and counted all', async () => {
    const { management, server } = await startConsole()
    const client = await ConsoleClient.open(`${management}console/messages?channel=a`)
    await client.next('tick')
    const started = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      for (let n = 0; n < 50; n++) post(server.hub(), 'a', String(sent++))
    }, 10)
    await until(() => sent >= 5_000, 'five thousand are sent')
    clearInterval(timer)
    const seconds = (performance.now() - started) / 1000
    const sum = (key: 'passed' | 'shown'): number =>
      client.all<ChannelTick>('tick').reduce((total, tick) => total + tick[key], 0)
    await until(() => sum('passed') === sent, 'all are counted')
    const shown = client.all<Shown>('messages').flat().length
    expect(shown).toBe(sum('shown'))
    expect(shown).toBeGreaterThanOrEqual(5)
    expect(shown).toBeLessThanOrEqual(25 * (seconds + 0.5) + 5)
  })

  it('of a subtree are replayed from an id on, with word of the gap', async () => {
    const { management, server } = await startConsole('store: { type: memory, max_messages: 2 }')
    const hub = server.hub()
    const first = post(hub, 'x/a', '0')
    for (let n = 1; n < 5; n++) post(hub, 'x/a', String(n))
    const client = await ConsoleClient.open(
      `${management}console/messages?channel=x/&since=${first}`,
    )
    const replay = await client.next<Replay>('replay')
    expect(replay.messages.map(({ text }) => text)).toEqual(['3', '4'])
    expect(replay).toMatchObject({ more: false, gap: { from: first } })
  })

  it('say when there are more than are replayed, and cut what is long', async () => {
    const { management, server } = await startConsole()
    post(server.hub(), 'a', 'ä'.repeat(10_000))
    for (let n = 0; n < 600; n++) post(server.hub(), 'a')
    const client = await ConsoleClient.open(`${management}console/messages?channel=a&since=all`)
    const replay = await client.next<Replay>('replay')
    expect(replay.more).toBe(true)
    expect(replay.messages).toHaveLength(500)
    expect(replay.messages[0]).toMatchObject({ size: 20_000, cut: true })
    expect(replay.messages[0]?.text).toHaveLength(4_000)
  })

  it('stop being followed when the page goes', async () => {
    const { management, server } = await startConsole()
    const client = await ConsoleClient.open(`${management}console/messages?channel=a`)
    const receivers = (): number => server.hub().receivers('a' as ChannelName)
    await until(() => receivers() === 1, 'it follows')
    client.close()
    await until(() => receivers() === 0, 'it is gone')
  })

  it('are for so many pages at once, and no more', async () => {
    const { management } = await startConsole()
    const url = `${management}console/messages?channel=a`
    for (let n = 0; n < 64; n++) await ConsoleClient.open(url)
    expect((await fetch(url)).status).toBe(400)
  })
})

describe('the users', () => {
  it('are listed by id with what they have, whatever that is', async () => {
    const { management, server } = await startConsole()
    const { users } = server
    await users.sessions.set('10', 'ten')
    await users.sessions.add('10', 'another')
    await users.subscribe('9', 'news' as ChannelName)
    await users.connect('mona', connectionOf('one'))
    const list = await getJson<UserList>(`${management}console/users`)
    expect(list).toEqual({
      total: 3,
      offset: 0,
      rows: [
        { user: '9', connections: 0, sessions: 0, subscriptions: 1 },
        { user: '10', connections: 0, sessions: 2, subscriptions: 0 },
        { user: 'mona', connections: 1, sessions: 0, subscriptions: 0 },
      ],
    })
    const found = await getJson<UserList>(`${management}console/users?search=MO&limit=1`)
    expect(found.rows.map(({ user }) => user)).toEqual(['mona'])
  })

  it('are shown one by one, without their sessions’ words', async () => {
    const { management, server } = await startConsole()
    await server.users.sessions.set('1', 'secret')
    await server.users.connect('1', connectionOf('one'))
    const text = await (await fetch(`${management}console/user?id=1`)).text()
    expect(text).not.toContain('secret')
    expect(JSON.parse(text) as UserView).toMatchObject({
      user: '1',
      there: true,
      connections: [{ id: 'one', door: 'test', peer: '127.0.0.1' }],
      sessions: [{ digest: expect.any(String) }],
      subscriptions: [],
    })
  })
})

function nothing(): void {}

function connectionOf(id: string): UserConnection {
  const calls = {
    subscribed: nothing,
    resubscribed: nothing,
    unsubscribed: nothing,
    removed: nothing,
    disconnect: nothing,
  }
  return { id, door: 'test', peer: '127.0.0.1', ...calls }
}
