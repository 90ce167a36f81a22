import { describe, expect, it } from 'vitest'
import { channelFromText, type ChannelName } from '../../../src/model/channel.ts'
import type { Message } from '../../../src/model/message.ts'
import { Selectors } from '../../../src/model/selector.ts'
import type { FanfareServer } from '../../../src/server/server.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { exchange, FeedClient, post, startFeed } from './feed-client.ts'

const SENT =
  /^HTTP\/1\.1 200 OK\r\nServer: GitPubSub\/0\.9\r\nX-Timestamp: (\d{10})\r\n\r\nMessage sent!\r\n$/
const INVALID = 'HTTP/1.1 400 Bad request\r\n\r\nInvalid JSON data posted :(\r\n'

/** What a channel holds. */
async function kept(server: FanfareServer, name = 'json'): Promise<readonly Message[]> {
  const channel = channelFromText(name) as ChannelName
  const query = { selectors: Selectors.channel(channel), after: 0 as never, limit: 1_000_000 }
  return (await server.hub().read(query)).messages
}

async function bodies(server: FanfareServer, name = 'json'): Promise<string[]> {
  return (await kept(server, name)).map(({ body }) => body.toString())
}

describe('a publisher', () => {
  it.each<[string, (string | Buffer)[]]>([
    ['a Content-Length', ['POST /json HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}']],
    [
      'a Content-Length and a newline',
      ['POST /json HTTP/1.1\r\nContent-Length: 8\r\n\r\n{"a":1}\n'],
    ],
    [
      'two newlines, as the Python hook',
      ['PUT /json HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"a":1}\n\n'],
    ],
    ['no length, one line', ['POST /json HTTP/1.1\r\nHost: localhost\r\n\r\n{"a":1}\r\n']],
    ['no length and a bare LF', ['POST /json HTTP/1.1\n\n{"a":1}\n']],
    ['no length, in pieces', ['POST /js', 'on HTTP/1.1\r\n', '\r', '\n{"a"', ':1', '}\r', '\n']],
    [
      'chunks',
      [
        'POST /json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n',
      ],
    ],
    [
      'chunks in pieces, with a trailer',
      [
        'POST /json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
        '7',
        '\r\n{"a":',
        '1}\r',
        '\n0\r\nA: b\r\n',
        '\r\n',
      ],
    ],
    ['a method in small letters', ['post /json HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}']],
    ['a byte-order mark', ['POST /json HTTP/1.1\r\nContent-Length: 10\r\n\r\n\xef\xbb\xbf{"a":1}']],
  ])('with %s', async (_, pieces) => {
    const { feedPort, server } = await startFeed()
    const answer = await exchange(feedPort, ...pieces)
    expect(answer).toMatch(SENT)
    expect(await bodies(server)).toEqual(['{"a":1}'])
  })

  it('is told the second in which it was stored', async () => {
    const { feedPort, server } = await startFeed()
    const answer = await post(feedPort, '/json', '{}')
    const [message] = await kept(server)
    expect(Number(SENT.exec(answer)?.[1])).toBe(Math.floor((message?.time ?? 0) / 1000))
  })

  it('without a newline and without a length ends its line by closing its half', async () => {
    const { feedPort, server } = await startFeed()
    const raw = await RawClient.connect(feedPort)
    raw.send('POST /json HTTP/1.1\r\nHost: localhost\r\n\r\n{"a":1}')
    raw.socket.end()
    expect(await raw.rest()).toMatch(SENT)
    expect(await bodies(server)).toEqual(['{"a":1}'])
  })

  it('that closes without reading is heard, as the Lua hook does', async () => {
    const { feedPort, server } = await startFeed()
    const raw = await RawClient.connect(feedPort)
    raw.socket.end('POST /json HTTP/1.1\r\nHost: localhost\r\n\r\n{"a":1}\r\n', () => raw.close())
    const channel = channelFromText('json') as ChannelName
    await until(
      () => (server.hub().stat(channel) as { messages: number } | undefined)?.messages === 1,
      'it is stored',
    )
  })

  it('is told to go on where it asks', async () => {
    const { feedPort } = await startFeed()
    const raw = await RawClient.connect(feedPort)
    raw.send('POST /json HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
    expect(await raw.takeUntil('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    raw.send('[]')
    expect(await raw.rest()).toMatch(SENT)
  })

  it.each(['[1,2]', '"text"', '17', 'null', 'true'])(
    'may post %s, and listeners get just that',
    async (json) => {
      const { feedPort } = await startFeed('stillalive: 0')
      const client = await FeedClient.open(feedPort, '/json')
      expect(await post(feedPort, '/json', json)).toMatch(SENT)
      expect(await client.line()).toBe(json)
    },
  )

  it('may post several lines: each is an event, in order', async () => {
    const { feedPort } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/json')
    expect(await post(feedPort, '/json', '{"a":1}\r\n\n{"a":2}\n  {"a":3} \n')).toMatch(SENT)
    expect(await client.lines(3)).toEqual(['{"a":1}', '{"a":2}', '  {"a":3} '])
  })

  it('may post one value over several lines', async () => {
    const { feedPort, server } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/json')
    expect(await post(feedPort, '/json', '{\n  "a": 1\n}\n')).toMatch(SENT)
    expect(await client.line()).toBe('{   "a": 1 }')
    expect(await bodies(server)).toEqual(['{\n  "a": 1\n}'])
  })

  it('names the channel by the path, percent-decoded, without the leading slash', async () => {
    const { feedPort, server } = await startFeed()
    await post(feedPort, '/a%2Fb%20c', '[]')
    expect(await bodies(server, 'a/b c')).toEqual(['[]'])
  })
})

describe('a commit', () => {
  const COMMIT = {
    repository: 'git',
    project: 'hello.git',
    ref: 'refs/heads/main',
    hash: 'c0ffee',
    author: 'Mona',
    log: 'Say hello\n\nAt length.',
  }

  it('gets a line that people can read, and keeps its JSON', async () => {
    const [message] = await posted(COMMIT)
    expect(message?.body.toString()).toBe('Mona committed to hello.git: Say hello')
    expect(message?.data).toBe(JSON.stringify({ commit: COMMIT }))
    expect(message?.contentType).toBe('text/plain; charset=utf-8')
    expect(message?.attributes).toEqual({
      kind: 'commit',
      revision: 'c0ffee',
      ref: 'refs/heads/main',
    })
  })

  it.each([
    [{ email: 'm@x', project: 'p', log: 'x' }, 'm@x committed to p: x'],
    [{ project: 'p', hash: 'c0ffee' }, 'Somebody committed to p: c0ffee'],
    [{ author: 'A', log: 'x' }, 'A committed to a repository: x'],
    [{ a: 1 }, '{"commit":{"a":1}}'],
    [
      { repository: 'git-prop-edit', project: 'p', author: 'A', log: 'New tag: v1' },
      'New tag: v1 in p by A',
    ],
    // The Python hook's ref ends with a newline.
    [{ author: 7, project: 'p', log: ['x'], ref: 'refs/heads/x\n' }, 'Somebody committed to p'],
  ])('of %j reads: %s', async (commit, line) => {
    const [message] = await posted(commit)
    expect(message?.body.toString()).toBe(line)
  })

  it('that is posted twice is two events', async () => {
    expect(await posted(COMMIT, '', 2)).toHaveLength(2)
  })

  it('that is known by what it is about is one, whatever else it says', async () => {
    const { feedPort, server } = await startFeed()
    const byEvent = 'Fanfare-Key: event\r\n'
    await post(feedPort, '/json', JSON.stringify({ commit: COMMIT }), byEvent)
    const other = JSON.stringify({ commit: { ...COMMIT, author: 'Mona L.' } })
    expect(await post(feedPort, '/json', other, byEvent)).toContain(
      '\r\nFanfare-Duplicate: true\r\n',
    )
    const branch = JSON.stringify({ commit: { ...COMMIT, ref: 'refs/heads/dev' } })
    expect(await post(feedPort, '/json', branch, byEvent)).toMatch(SENT)
    expect(await kept(server)).toHaveLength(2)
  })
})

describe('an idempotency key', () => {
  it('makes a retry safe, line by line', async () => {
    const { feedPort, server } = await startFeed()
    const key = 'Idempotency-Key: k\r\n'
    expect(await post(feedPort, '/json', '[1]\n[2]', key)).toMatch(SENT)
    expect(await post(feedPort, '/json', '[1]\n[2]', key)).toContain('Fanfare-Duplicate: true')
    expect(await bodies(server)).toEqual(['[1]', '[2]'])
  })

  it('with another event is refused', async () => {
    const { feedPort } = await startFeed()
    const key = 'Idempotency-Key: k\r\n'
    await post(feedPort, '/json', '[1]', key)
    expect(await post(feedPort, '/json', '[2]', key)).toMatch(/^HTTP\/1\.1 422 key_reused\r\n\r\n/)
  })
})

describe('what is refused', () => {
  it.each([
    ['no JSON', 'nope\n', INVALID],
    ['nothing', '', INVALID],
    ['an empty line', '\r\n', INVALID],
    ['a broken line', '{"a":1', INVALID],
    [
      'a second line that is none',
      '[1]\nnope\n[3]\n',
      INVALID.replace('posted', 'posted in line 2'),
    ],
  ])('%s, and nothing of it is stored', async (_, body, answer) => {
    const { feedPort, server } = await startFeed()
    expect(await post(feedPort, '/json', body)).toBe(answer)
    expect(await kept(server)).toEqual([])
  })

  it.each([
    ['nonsense', 'nonsense\r\n\r\n', 'HTTP/1.1 400 Bad request\r\n\r\nBad request sent!'],
    ['no version', 'GET /json\r\n\r\n', 'HTTP/1.1 400 Bad request\r\n\r\nBad request sent!'],
    [
      'another version',
      'GET /json HTTP/2.0\r\n\r\n',
      'HTTP/1.1 400 Bad request\r\n\r\nBad request sent!',
    ],
    [
      'another method',
      'DELETE /json HTTP/1.1\r\n\r\n',
      'HTTP/1.1 400 Bad request!\r\n\r\nBad request :(\r\n',
    ],
    [
      'a length that is none',
      'POST /json HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
      'HTTP/1.1 400 Bad request\r\n\r\nContent-Length is no number :(\r\n',
    ],
    [
      'another coding',
      'POST /json HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
      'HTTP/1.1 501 Not implemented\r\n\r\nTransfer-Encoding is chunked or nothing :(\r\n',
    ],
    [
      'a chunk without a size',
      'POST /json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n',
      'HTTP/1.1 400 Bad request\r\n\r\nMalformed chunks: a chunk has no size :(\r\n',
    ],
    [
      'a chunk that is too long',
      'POST /json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]]\r\n',
      'HTTP/1.1 400 Bad request\r\n\r\nMalformed chunks: a chunk is longer than it says :(\r\n',
    ],
    [
      'no channel',
      'POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]',
      'HTTP/1.1 400 Bad request\r\n\r\nA path names a channel of 1 to 512 bytes, such as /json, percent-encoded :(\r\n',
    ],
  ])('%s', async (_, bytes, answer) => {
    const { feedPort } = await startFeed()
    expect(await exchange(feedPort, bytes)).toBe(answer)
  })

  it.each([
    ['by its length', 'Content-Length: 2000\r\n\r\n'],
    ['in chunks', `Transfer-Encoding: chunked\r\n\r\n7d0\r\n"${'x'.repeat(1_998)}"\r\n0\r\n\r\n`],
    ['without a length', `\r\n"${'x'.repeat(1_998)}"\r\n`],
  ])('more than fits, %s', async (_, rest) => {
    const { feedPort, server } = await startFeed('', 'limits: { maxBodyBytes: 1000 }')
    expect(await exchange(feedPort, `POST /json HTTP/1.1\r\n${rest}`)).toBe(
      'HTTP/1.1 413 Too large\r\n\r\nA request has at most 1000 bytes here :(\r\n',
    )
    expect(await kept(server)).toEqual([])
  })

  it('more lines than are taken at once', async () => {
    const { feedPort, server } = await startFeed('maxLines: 2')
    expect(await post(feedPort, '/json', '[1]\n[2]\n[3]\n')).toBe(
      'HTTP/1.1 413 Too large\r\n\r\nOne request takes at most 2 events :(',
    )
    expect(await kept(server)).toEqual([])
  })

  it('a head without an end', async () => {
    const { feedPort } = await startFeed('', 'limits: { maxHeaderBytes: 1KiB }')
    const answer = await exchange(feedPort, `GET /json HTTP/1.1\r\n${'a: b\r\n'.repeat(300)}`)
    expect(answer).toBe(
      'HTTP/1.1 431 Request header fields too large\r\n\r\nA request head has at most 1024 bytes here :(\r\n',
    )
  })

  it.each([
    ['an address that is not trusted', ''],
    ['a page of another site', 'Origin: http://elsewhere.example\r\n'],
    ['a browser that says so', 'Sec-Fetch-Site: cross-site\r\n'],
    ['a proxy that is not named', 'X-Forwarded-For: 127.0.0.1\r\n'],
  ])('%s', async (_, headers) => {
    const peers = headers === '' ? 'trustedPeers: [10.0.0.0/8]' : ''
    const { feedPort, server } = await startFeed('', peers)
    expect(await post(feedPort, '/json', '[]', headers)).toBe(
      'HTTP/1.1 403 Denied\r\n\r\nOnly trusted sources may send data!',
    )
    expect(await kept(server)).toEqual([])
  })
})

describe('a client that takes too long', () => {
  it('with its head is let go without a word, as in the original', async () => {
    const { feedPort } = await startFeed('stillalive: 50ms, requestTimeout: 100ms')
    expect(await exchange(feedPort, 'GET /json HTTP/1.1\r\n')).toBe('')
  })

  it('with its line is told', async () => {
    const { feedPort } = await startFeed('stillalive: 50ms, bodyTimeout: 100ms')
    expect(await exchange(feedPort, 'POST /json HTTP/1.1\r\n\r\n{"a":')).toBe(
      'HTTP/1.1 400 Bad request\r\n\r\nRequest timed out :(\r\n',
    )
  })
})

async function posted(commit: object, headers = '', times = 1): Promise<readonly Message[]> {
  const { feedPort, server } = await startFeed()
  for (let n = 0; n < times; n++) await post(feedPort, '/json', JSON.stringify({ commit }), headers)
  return kept(server)
}
