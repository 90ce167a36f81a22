/** Facts of alexhudson/SparkleShare-Server-RnD over TCP, on the wire. */
import { describe, expect, it } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { FanfareServer } from '../../../src/server/server.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { readsOf } from '../fanout/reads.ts'
import {
  newVersion,
  notify,
  register,
  startSparkleshare,
  watcher,
  xmlRegister,
  xmlVersion,
} from './sparkleshare-client.ts'

const REPO = '/home/alex/myrepo.git'
const CHANNEL = 'home/alex/myrepo.git'
const REVISION = '99ebff687164b81c9624df8279f128fe'

describe('JSON', () => {
  it('a watcher is sent the very bytes of the original', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, CHANNEL, register(REPO))
    await notify(test.tcp, newVersion(REPO, REVISION))
    const told =
      '{"repo": "/home/alex/myrepo.git", "command": "new_version", "revision": "99ebff687164b81c9624df8279f128fe"}'
    expect((await client.take(told.length)).toString()).toBe(told)
    expect(client.received.length).toBe(0)
  })

  it('is ASCII, as json.dumps writes it', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, Buffer.from('ré/☃').toString('latin1'), register('ré/☃'))
    await notify(test.tcp, newVersion('ré/☃', '😀"\\\n\x7f/'))
    const told =
      '{"repo": "r\\u00e9/\\u2603", "command": "new_version", "revision": "\\ud83d\\ude00\\"\\\\\\n\\u007f/"}'
    expect((await client.take(told.length)).toString()).toBe(told)
  })

  it('null stays null', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, CHANNEL, register(REPO))
    await notify(test.tcp, newVersion(REPO, null))
    expect(await client.takeUntil('}')).toBe(newVersion(REPO, null))
    const [stored] = await read(test.server, CHANNEL)
    expect(stored?.body.toString()).toBe('null')
    expect(stored?.attributes).toBeUndefined()
    expect(stored?.data).toBe(newVersion(REPO, null))
  })

  it('stores the revision as body and attribute', async () => {
    const { tcp, server } = await startSparkleshare()
    await notify(tcp, newVersion('x', REVISION))
    const [stored] = await read(server, 'x')
    expect(stored?.body.toString()).toBe(REVISION)
    expect(stored?.contentType).toBe('text/plain; charset=utf-8')
    expect(stored?.attributes).toEqual({ revision: REVISION })
    expect(stored?.data).toBeUndefined()
  })

  it.each([
    ['joined', register('x') + register('y')],
    ['on lines', `${register('x')}\n${register('y')}\r\n`],
    ['spread over lines', '\n{\n "command" : "register",\t"repo": "y"\n}\n'],
    ['among nonsense', `{}{"command":"register"}${register('x')}]}"{"oops: 1}\n${register('y')}`],
    ['with more than is needed', '{"a": {"b": "}"}, "repo": "y", "command": "register", "z": []}'],
    ['behind a broken one', `{"repo": "z\n${register('y')}`],
    ['behind a line of nonsense', `hello {"repo": "y\n${register('y')}`],
    ['twice', register('y') + register('y')],
  ])('takes objects that are %s', async (_, bytes) => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', bytes)
    await notify(test.tcp, newVersion('y', 'r1') + newVersion('y', 'r2'))
    expect(await client.takeUntil('r2"}')).toBe(newVersion('y', 'r1') + newVersion('y', 'r2'))
  })

  it('takes an object byte by byte', async () => {
    const test = await startSparkleshare()
    const client = await RawClient.connect(test.tcp)
    client.socket.setNoDelay(true)
    for (const char of register('x')) {
      client.send(char)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => test.server.hub().receivers('x' as never) === 1, 'it is registered')
  })

  it('an original client closes at once, and is heard all the same', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', register('x'))
    for (let n = 0; n < 20; n++) await notify(test.tcp, newVersion('x', `r${n}`))
    await client.until(() => client.received.toString().split('}').length === 21)
  })
})

describe('XML', () => {
  it('a watcher is sent the very bytes of the original', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, CHANNEL, xmlRegister(REPO))
    await notify(test.tcp, xmlVersion(REPO, `New revision is ${REVISION}`))
    const told =
      '<packet><command>new_version</command><repo>/home/alex/myrepo.git</repo>' +
      '<readable>New revision is 99ebff687164b81c9624df8279f128fe</readable></packet>'
    expect((await client.take(told.length)).toString()).toBe(told)
    expect((await read(test.server, CHANNEL))[0]?.body.toString()).toBe(REVISION)
  })

  it.each([
    ['New revision is New revision is r1', 'r1'],
    ['r1', 'r1'],
    ['  New  revision is r1 \n', 'r1'],
    ['New revision is r&#233;&amp;&#x2603;', 'ré&☃'],
    ['New revision is None', null],
  ])('%j is the revision %j', async (readable, revision) => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', register('x'))
    await notify(test.tcp, xmlVersion('x', readable))
    expect(JSON.parse(await client.takeUntil('}'))).toEqual({
      repo: 'x',
      command: 'new_version',
      revision,
    })
  })

  it('without words has no revision, and says None', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', xmlRegister('x'))
    await notify(test.tcp, '<packet><command>new_version</command><repo>x</repo></packet>')
    expect(await client.takeUntil('</packet>')).toBe(xmlVersion('x', 'New revision is None'))
  })

  it('is ASCII, as lxml writes it', async () => {
    const test = await startSparkleshare()
    const name = Buffer.from('a&b<é>').toString('latin1')
    const client = await watcher(test, name, xmlRegister('a&amp;b&lt;&#xe9;&gt;'))
    await notify(test.tcp, newVersion('a&b<é>', '😀\r\x01"'))
    expect(await client.takeUntil('</packet>')).toBe(
      xmlVersion('a&amp;b&lt;&#233;&gt;', 'New revision is &#128512;&#13;&#65533;"'),
    )
  })

  it.each([
    ['with a declaration', `<?xml version="1.0"?>\n${xmlRegister('y')}\n`],
    ['behind a broken one', `<packet><command>register</command>${xmlRegister('y')}`],
    ['among nonsense', `<packets></packets><<packe><pac${xmlRegister('y')}`],
    ['behind an unknown entity', `${xmlRegister('&nbsp;')}${xmlRegister('y')}`],
    ['behind an empty element', `${xmlRegister('')}${xmlRegister('y')}`],
    ['behind JSON', register('x') + xmlRegister('y')],
  ])('takes packets %s', async (_, bytes) => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', bytes)
    await notify(test.tcp, newVersion('y', 'r1'))
    expect(await client.takeUntil('</packet>')).toBe(xmlVersion('y', 'New revision is r1'))
  })
})

describe('both dialects', () => {
  it('on one connection: each repository is answered as it was asked for', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', register('x') + xmlRegister('y'))
    await notify(test.tcp, newVersion('x', 'r1'))
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r1'))
    await notify(test.tcp, newVersion('y', 'r2'))
    expect(await client.takeUntil('</packet>')).toBe(xmlVersion('y', 'New revision is r2'))
  })

  it('give a name back as it was spelled', async () => {
    const test = await startSparkleshare()
    const one = await watcher(test, 'x', register('/x'))
    const two = await watcher(test, 'x', register('x'))
    await notify(test.tcp, newVersion('/x', 'r'))
    expect(await one.takeUntil('}')).toBe(newVersion('/x', 'r'))
    expect(await two.takeUntil('}')).toBe(newVersion('x', 'r'))
  })
})

describe('the sender', () => {
  it('is not notified, however many there are in one turn; all others are', async () => {
    const test = await startSparkleshare('pace: 0, zeromq: false')
    const sender = await watcher(test, 'x', register('x') + register('y'))
    const other = await watcher(test, 'x', register('x'))
    let sent = ''
    for (let n = 0; n < 1000; n++) sent += newVersion('x', `r${n}`)
    sender.send(sent)
    await other.takeUntil('"r999"}')
    await notify(test.tcp, newVersion('x', 'by another'))
    expect(await sender.takeUntil('}')).toBe(newVersion('x', 'by another'))
  })

  it('is not notified when its own is so large that it leaves within the turn', async () => {
    const test = await startSparkleshare(
      'zeromq: false',
      'limits: { maxBatchBytes: 10, maxUnsentBytes: 100 }',
    )
    const sender = await watcher(test, 'x', register('x'))
    const other = await watcher(test, 'x', register('x'))
    sender.send(newVersion('x', 'r1'.repeat(20)) + newVersion('x', 'r2'.repeat(20)))
    await other.takeUntil('r2"}')
    await notify(test.tcp, newVersion('x', 'by another'))
    expect(await sender.takeUntil('}')).toBe(newVersion('x', 'by another'))
  })

  it('need not be registered', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', register('x'))
    const sender = await watcher(test, 'y', register('y'))
    sender.send(newVersion('x', 'r'))
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r'))
  })

  it('that is not trusted is passed by', async () => {
    const test = await startSparkleshare('zeromq: false', 'trustedPeers: [10.0.0.1]')
    const client = await watcher(test, 'x', register('x'))
    await notify(test.tcp, newVersion('x', 'no'))
    await test.server.hub().publish({ channel: 'x' as never, body: Buffer.from('yes') })
    expect(await client.takeUntil('}')).toMatch(/"revision": "\d+-0"}$/)
  })
})

describe('unregister', () => {
  it('ends at once; a repository that is not registered does not matter', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', register('x') + register('y'))
    client.send('{"repo": "x", "command": "unregister"}{"repo": "z", "command": "unregister"}')
    await until(() => test.server.hub().receivers('x' as never) === 0, 'it is unregistered')
    client.send('<packet><command>unregister</command><repo>z</repo></packet>')
    await notify(test.tcp, newVersion('x', 'no') + newVersion('y', 'yes'))
    expect(await client.takeUntil('}')).toBe(newVersion('y', 'yes'))
  })
})

describe('messages of other doors', () => {
  it('are their revision, else their id', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', register('x'))
    const channel = 'x' as ChannelName
    const body = Buffer.from('{"command":"new_version"}')
    await test.server.hub().publish({ channel, body, attributes: { revision: 'r1' } })
    const published = await test.server.hub().publish({ channel, body })
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r1'))
    const { revision } = JSON.parse(await client.takeUntil('}')) as { revision: string }
    expect(revision).toMatch(/^\d+-1$/)
    expect(published.receivers).toBe(1)
  })
})

describe('one write a notification', () => {
  it('is one read of a reader that keeps up, in the order of all repositories', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', register('x') + xmlRegister('y'))
    const reads = readsOf(client)
    const packet = newVersion('x', 'r1') + newVersion('y', 'r2') + newVersion('x', 'r3')
    await notify(test.tcp, packet)
    await client.takeUntil('"r3"}')
    expect(reads).toEqual([
      newVersion('x', 'r1'),
      xmlVersion('y', 'New revision is r2'),
      newVersion('x', 'r3'),
    ])
  })

  it('holds while a slow reader catches up, and it misses nothing', async () => {
    const test = await startSparkleshare(
      'pace: 0, zeromq: false',
      'limits: { maxUnsentBytes: 16KiB }',
    )
    const client = await watcher(test, 'x', register('x'))
    client.socket.pause()
    const filler = 'z'.repeat(20_000)
    const publish = (n: number) =>
      test.server.hub().publish({
        channel: 'x' as ChannelName,
        body: Buffer.alloc(0),
        attributes: { revision: `${n} ${filler}` },
      })
    for (let n = 0; n < 500; n++) {
      await publish(n)
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    client.socket.resume()
    for (let n = 0; n < 500; n++) {
      expect(await client.takeUntil('}')).toBe(newVersion('x', `${n} ${filler}`))
    }
  })
})

describe('what makes no sense', () => {
  it.each([
    '{"repo": "x"}',
    '{"command": "register"}',
    '{"repo": 1, "command": "register"}',
    '{"repo": "", "command": "register"}',
    '{"repo": "/", "command": "register"}',
    `{"repo": "${'x'.repeat(513)}", "command": "register"}`,
    '{"repo": "x", "command": "new_version"}',
    '{"repo": "x", "command": "new_version", "revision": {}}',
    '{"repo": "x", "command": "new_version", "revision": true}',
    '{"repo": "x", "command": "announce", "revision": "r"}',
    '{broken}',
    '<packet>&#x110000;</packet>',
    xmlVersion('&#x110000;', 'r'),
    'hello\n',
    '\x00\x01\x02\n',
    '}}}]]]',
  ])('%j is passed by', async (bytes) => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'y', `${bytes}\n${register('y')}`)
    await notify(test.tcp, newVersion('y', 'r'))
    expect(await client.takeUntil('}')).toBe(newVersion('y', 'r'))
    expect(test.server.hub().receivers('x' as never)).toBe(0)
    expect(await test.server.hub().stat('x' as never)).toBeUndefined()
  })

  it('bytes that are not UTF-8 are passed by', async () => {
    const test = await startSparkleshare()
    const bytes = `{"repo": "x\xff", "command": "register"}${register('y')}`
    await watcher(test, 'y', Buffer.from(bytes, 'latin1'))
    expect(test.server.hub().receivers('x\xff' as never)).toBe(0)
  })

  it('a revision that is a number is its text', async () => {
    const test = await startSparkleshare()
    const client = await watcher(test, 'x', register('x'))
    await notify(test.tcp, '{"repo": "x", "command": "new_version", "revision": 1764}')
    expect(await client.takeUntil('}')).toBe(newVersion('x', '1764'))
  })

  it.each([
    ['JSON', `{"repo": "${'x'.repeat(1024)}`],
    ['XML', `<packet>${'x'.repeat(1024)}`],
    ['a first line', 'x'.repeat(1025)],
  ])('%s beyond the bound ends the connection', async (_, bytes) => {
    const { tcp } = await startSparkleshare('maxObjectBytes: 1KiB, zeromq: false')
    const client = await RawClient.connect(tcp)
    client.send(bytes)
    expect(await client.rest()).toBe('')
  })

  it.each([
    `GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${newVersion('x', 'r')}`,
    `POST /{} HTTP/1.1\r\n\r\n${newVersion('x', 'r')}`,
    `\x16\x03\x01${newVersion('x', 'r')}`,
  ])('%j is hung up on', async (bytes) => {
    const { tcp, server } = await startSparkleshare()
    const client = await RawClient.connect(tcp)
    client.send(bytes)
    expect(await client.rest()).toBe('')
    expect(await server.hub().stat('x' as never)).toBeUndefined()
  })

  it('more repositories than the limit are passed by', async () => {
    const test = await startSparkleshare('zeromq: false', 'limits: { maxSubscriptions: 2 }')
    const client = await watcher(test, 'b', register('a') + register('b') + register('c'))
    client.send(register('a'))
    await notify(test.tcp, newVersion('c', 'no') + newVersion('b', 'yes'))
    expect(await client.takeUntil('}')).toBe(newVersion('b', 'yes'))
  })
})

/** What a channel holds. */
async function read(server: FanfareServer, channel: string): Promise<readonly Message[]> {
  const selectors = Selectors.channel(channel as ChannelName)
  const { messages } = await server.hub().read({ selectors, after: BEFORE_ALL, limit: 10 })
  return messages
}
