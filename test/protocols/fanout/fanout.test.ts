/** Facts of travisghansen/fanout, on the wire. */
import { describe, expect, it } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { FanfareServer } from '../../../src/server/server.ts'
import { RawClient } from '../../support/raw.ts'
import { answered, connected, GREETING, startFanout, subscriber } from './fanout-client.ts'

const REVISION = '0123456789abcdef0123456789abcdef01234567'

describe('a connection', () => {
  it('is greeted at once', async () => {
    const { fanoutPort } = await startFanout()
    const client = await RawClient.connect(fanoutPort)
    expect((await client.take(GREETING.length)).toString()).toBe('debug!connected...\n')
  })

  it('is subscribed to all, and the announcer hears itself', async () => {
    const { fanoutPort } = await startFanout()
    const [one, two] = [await connected(fanoutPort), await connected(fanoutPort)]
    one.send('announce all Hello everybody!\n')
    expect(await one.takeUntil('\n')).toBe('all!Hello everybody!\n')
    expect(await two.takeUntil('\n')).toBe('all!Hello everybody!\n')
  })

  it('may leave all', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    client.send('unsubscribe all\nannounce all nobody\nannounce x somebody\n')
    expect(await client.takeUntil('\n')).toBe('x!somebody\n')
  })

  it('beyond the limit is told that the server is busy', async () => {
    const { fanoutPort } = await startFanout('clientLimit: 1')
    const first = await connected(fanoutPort)
    const second = await RawClient.connect(fanoutPort)
    expect(await second.rest()).toBe('debug!busy\n')
    first.send('info\n')
    await first.until(() => first.received.includes('total pings'))
    expect(first.received.toString()).toContain('client-limit: 1\nlimit rejected connections: 1\n')
  })

  it('takes its place when another has gone', async () => {
    const { fanoutPort } = await startFanout('clientLimit: 1')
    const first = await connected(fanoutPort)
    first.socket.end()
    await first.rest()
    await connected(fanoutPort)
  })
})

describe('ping', () => {
  it('answers the unix time', async () => {
    const { fanoutPort } = await startFanout()
    const client = await connected(fanoutPort)
    const before = Math.floor(Date.now() / 1000)
    client.send('ping\n')
    const time = await client.takeUntil('\n')
    expect(time).toMatch(/^\d+\n$/)
    expect(Number(time)).toBeGreaterThanOrEqual(before)
    expect(Number(time)).toBeLessThanOrEqual(Date.now() / 1000)
  })
})

describe('info', () => {
  it('tells all in the order of the original', async () => {
    const { fanoutPort } = await startFanout('clientLimit: 77')
    const other = await subscriber(fanoutPort, 'x', 'y')
    const client = await subscriber(fanoutPort, 'x')
    client.send('unsubscribe y\nannounce x hello\n')
    expect(await client.takeUntil('\n')).toBe('x!hello\n')
    expect(await other.takeUntil('\n')).toBe('x!hello\n')
    client.send('info\nping\n')
    const block = await client.takeUntil('total pings: 2\n')
    expect(block.split('\n').map((line) => line.replace(/(Soft|Hard)=(\d+|unlimited)/g, '$1=N')))
      // One client follows x and y, the other x; both follow `all`.
      .toEqual([
        expect.stringMatching(/^uptime: 0d 0h 0m \d+s$/),
        'client-limit: 77',
        'limit rejected connections: 0',
        'rlimits: Soft=N Hard=N',
        'max connections: 2',
        'current connections: 2',
        'current channels: 3',
        'current subscriptions: 5',
        'user-requested subscriptions: 3',
        'total connections: 2',
        'total announcements: 1',
        'total messages: 2',
        'total subscribes: 3',
        'total unsubscribes: 1',
        'total pings: 2',
        '',
      ])
    // Nothing ends the block.
    expect(await client.takeUntil('\n')).toMatch(/^\d{10}\n$/)
  })
})

describe('subscribe and unsubscribe', () => {
  it('answer nothing, and twice is once', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x', 'x')
    client.send('announce x 1\nannounce x 2\n')
    expect(await client.takeUntil('2\n')).toBe('x!1\nx!2\n')
  })

  it('end at once', async () => {
    const { fanoutPort, server } = await startFanout()
    const client = await subscriber(fanoutPort, 'x', 'y')
    client.send('unsubscribe x\nannounce x 1\nannounce y 2\n')
    expect(await client.takeUntil('\n')).toBe('y!2\n')
    expect(server.hub().receivers('x' as never)).toBe(0)
  })

  it('take one word after any spaces, and pass by what follows', async () => {
    const { fanoutPort } = await startFanout()
    const client = await connected(fanoutPort)
    client.send('  subscribe   x y z\n')
    await answered(client)
    client.send('announce y no\nannounce x yes\n')
    expect(await client.takeUntil('\n')).toBe('x!yes\n')
  })

  it('follow a name, nothing below it', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    client.send('announce x/y no\nannounce xy no\nannounce x yes\n')
    expect(await client.takeUntil('\n')).toBe('x!yes\n')
  })

  it('pass by a name with a `!`', async () => {
    const { fanoutPort, server } = await startFanout()
    await subscriber(fanoutPort, 'a!b')
    expect(server.hub().receivers('a!b' as never)).toBe(0)
  })

  it('give a name back as it was spelled: /x and x are one channel', async () => {
    const { fanoutPort } = await startFanout()
    const one = await subscriber(fanoutPort, '/x', 'x')
    const two = await subscriber(fanoutPort, 'x')
    two.send('announce /x 1\nannounce x 2\n')
    expect(await one.takeUntil('2\n')).toBe('/x!1\n/x!2\n')
    expect(await two.takeUntil('2\n')).toBe('x!1\nx!2\n')
    one.send('unsubscribe x\nannounce x 3\nannounce all 4\n')
    expect(await one.takeUntil('\n')).toBe('all!4\n')
  })

  it('take any bytes as a name', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, '\xff\x01\xfe')
    client.send('announce \xff\x01\xfe \x80\n')
    expect(await client.takeUntil('\n')).toBe('\xff\x01\xfe!\x80\n')
  })

  it('pass by a name of more than 512 bytes', async () => {
    const { fanoutPort, server } = await startFanout()
    const name = 'x'.repeat(512)
    const client = await subscriber(fanoutPort, `${name}x`, name)
    expect(server.hub().receivers(name as never)).toBe(1)
    client.send(`announce ${name}x no\nannounce ${name} yes\n`)
    expect(await client.takeUntil('\n')).toBe(`${name}!yes\n`)
  })

  it('follow no more channels than the limit', async () => {
    const { fanoutPort } = await startFanout('', 'limits: { maxSubscriptions: 2 }')
    const client = await connected(fanoutPort)
    client.send('subscribe a\nsubscribe b\nsubscribe c\n')
    expect(await client.takeUntil('\n')).toBe('debug!one connection follows at most 2 channels\n')
  })
})

describe('announce', () => {
  it.each([
    ['announce x Hello, world!\n', 'x!Hello, world!\n'],
    ['announce x  two spaces \n', 'x! two spaces \n'],
    // The message is taken from where it would begin with one space between the words.
    ['announce  x hello\n', 'x! hello\n'],
    ['announce x \x80\x00\xff\n', 'x!\x80\x00\xff\n'],
    ['announce x cr\r\n', 'x!cr\r\n'],
    ['announce x\nannounce x \nannounce\nannounce x last\n', 'x!last\n'],
    ['announce x!y z\nannounce x last\n', 'x!last\n'],
    [`announce x ${'y'.repeat(5000)}\n`, `x!${'y'.repeat(5000)}\n`],
  ])('%j is told as %j', async (line, told) => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    client.send(line)
    expect(await client.takeUntil('\n')).toBe(told)
  })

  it('is not answered, and stored for those who are not here yet', async () => {
    const { fanoutPort, server } = await startFanout()
    const client = await connected(fanoutPort)
    client.send('announce nobody hello\n')
    await answered(client)
    expect(await server.hub().stat('nobody' as never)).toMatchObject({ messages: 1 })
  })

  it.each([
    [REVISION, REVISION],
    ['c0ffee1', 'c0ffee1'],
    ['C0FFEE1', 'C0FFEE1'],
    ['c0ffee', undefined],
    [`${REVISION} and more`, undefined],
    ['0'.repeat(64), '0'.repeat(64)],
    ['0'.repeat(65), undefined],
  ])('%s has the revision %s', async (message, revision) => {
    const { fanoutPort, server } = await startFanout()
    const client = await connected(fanoutPort)
    client.send(`announce x ${message}\n`)
    await answered(client)
    const [stored] = await read(server)
    expect(stored?.body.toString()).toBe(message)
    expect(stored?.attributes?.['revision']).toBe(revision)
  })

  it('takes a line in pieces, and several in one', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    for (const char of 'announce x 1\nannounce x 2\nannou') client.send(char)
    client.send('nce x 3\nannounce x 4\n')
    expect(await client.takeUntil('4\n')).toBe('x!1\nx!2\nx!3\nx!4\n')
  })

  it('comes from a hook that closes at once', async () => {
    const { fanoutPort } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    for (let n = 0; n < 20; n++) {
      const hook = await RawClient.connect(fanoutPort)
      hook.send(`announce x ${n}\n\n`)
      hook.socket.end()
    }
    await client.until(() => client.received.toString().split('\n').length === 21)
  })

  it('is for trusted peers only', async () => {
    const { fanoutPort, server } = await startFanout('', 'trustedPeers: [10.0.0.1]')
    const client = await subscriber(fanoutPort, 'x')
    client.send('announce x hello\n')
    expect(await client.takeUntil('\n')).toBe('debug!only trusted peers may announce\n')
    expect(await server.hub().stat('x' as never)).toBeUndefined()
  })
})

describe('messages of other doors', () => {
  it('are their revision, else their body on one line', async () => {
    const { fanoutPort, server } = await startFanout()
    const client = await subscriber(fanoutPort, 'x')
    const channel = 'x' as never
    const body = Buffer.from('one\ntwo\r\nthree\rfour\xff!', 'latin1')
    await server.hub().publish({ channel, body })
    await server.hub().publish({ channel, body, attributes: { revision: 'r1\nannounce' } })
    await server.hub().publish({ channel, body, attributes: { revision: '' } })
    await server.hub().publish({ channel, body: Buffer.alloc(0) })
    expect(await client.takeUntil('x!\n')).toBe(
      'x!one two three\rfour\xff!\nx!r1 announce\nx!one two three\rfour\xff!\nx!\n',
    )
  })
})

describe('what is no command', () => {
  it.each([
    'hello\n',
    'hello world\n',
    '\n\n',
    'PING\n',
    ' ping\n',
    'ping\r\n',
    'ping now\n',
    'info\r\n',
    'subscribe\n',
    'subscribe /\n',
    '\xff\x00\x01\n',
    'announce / x\n',
  ])('%j is passed by', async (line) => {
    const { fanoutPort } = await startFanout()
    const client = await connected(fanoutPort)
    client.send(line)
    await answered(client)
    expect(client.received.length).toBe(0)
  })

  it('a line beyond the bound ends the connection', async () => {
    const { fanoutPort } = await startFanout('maxLineBytes: 1KiB')
    const client = await connected(fanoutPort)
    client.send(`announce all ${'x'.repeat(1024)}`)
    expect(await client.rest()).toBe('')
  })
})

describe('other protocols', () => {
  it.each([
    'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nannounce all hello\n',
    'POST /announce%20all HTTP/1.0\nX: y\n\nannounce all hello\n',
    'announce /all HTTP/1.1\r\nannounce all hello\n',
    '\x16\x03\x01\x02\x00\nannounce all hello\n',
  ])('%j is hung up on', async (bytes) => {
    const { fanoutPort, server } = await startFanout()
    const client = await RawClient.connect(fanoutPort)
    client.send(bytes)
    expect(GREETING).toContain(await client.rest())
    expect(await server.hub().stat('all' as never)).toBeUndefined()
  })
})

/** What a channel holds. */
async function read(server: FanfareServer): Promise<readonly Message[]> {
  const selectors = Selectors.channel('x' as ChannelName)
  const { messages } = await server.hub().read({ selectors, after: BEFORE_ALL, limit: 10 })
  return messages
}
