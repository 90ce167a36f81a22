import { readCommand } from '../../../src/protocols/fanout/codec.ts'
import { LineReader } from '../../../src/protocols/fanout/lines.ts'
import { ChunkError, ChunkReader } from '../../../src/protocols/feed/chunked.ts'
import { PostBody } from '../../../src/protocols/feed/post.ts'
import { Refusal } from '../../../src/protocols/feed/refusal.ts'
import {
  channelOf,
  fetchSince,
  readHead,
  selectorsOf,
} from '../../../src/protocols/feed/request.ts'
import { newVersion, readPacket } from '../../../src/protocols/sparkleshare/packet.ts'
import { ObjectSplitter } from '../../../src/protocols/sparkleshare/splitter.ts'
import { escapeXml, readFields } from '../../../src/protocols/sparkleshare/xml.ts'
import { Topics } from '../../../src/protocols/sparkleshare/zeromq/topics.ts'
import { JsonObjects } from '../../../src/client/json-objects.ts'
import { RefusedError } from '../../../src/client/refused.ts'
import { bytesOf, cutUp, must, orError, same, textOf, type Target } from '../engine.ts'
import type { Random } from '../random.ts'

const REGISTER = '{"repo": "/home/alex/myrepo.git", "command": "register"}'
const VERSION = '{"repo": "/r", "command": "new_version", "revision": "99ebff6\\u0020"}'
const XML =
  '<packet><command>new_version</command><repo>a&amp;b&#233;</repo><readable>New revision is r1</readable></packet>'
/** Entities that stand for ten of the one before: a few lines that would be gigabytes. */
const LAUGHS = `<!DOCTYPE lolz [${Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('')}]><packet><repo>&l9;</repo></packet>`
const MOST = 400

function objectsOf(pieces: readonly Buffer[]): string[] {
  const splitter = new ObjectSplitter(MOST)
  const found: string[] = []
  for (const piece of pieces) {
    const split = splitter.add(piece)
    for (const { dialect, bytes } of split.found) {
      must(bytes.length <= MOST, 'an object beyond the bound')
      found.push(`${dialect} ${bytes.toString('latin1')}`)
    }
    if (split.end !== undefined) return [...found, `end ${split.end}`]
  }
  return found
}

const SPARKLESHARE_TOKENS = [
  '{',
  '}',
  '"',
  '\\',
  '\n',
  '<packet>',
  '</packet>',
  '<repo>',
  '</repo>',
  '<command>',
  'register',
  'unregister',

  'new_version',
  '&amp;',
  '&#x0;',
  '&#xd800;',
  '&#x110000;',
  '&#99999999;',
  '&lol;',
  '<!DOCTYPE x [',
  '<!ENTITY l "',
  ']]>',
  '"repo": ',
  '"command": ',
  '"revision": ',
  '\x16\x03',
  'GET / HTTP/1.1\r\n',
  '[[',
  '{"a":',
]

const splitter: Target = {
  name: 'sparkleshare-stream',
  reads: 'JSON objects and XML packets in a stream',
  holds: 'the same objects however they are cut; none beyond its bound',
  seeds: [REGISTER, REGISTER + VERSION, XML, XML + REGISTER, LAUGHS],
  tokens: SPARKLESHARE_TOKENS,
  check(input, random) {
    const bytes = bytesOf(input)
    same(objectsOf(cutUp(bytes, random)), objectsOf([bytes]), 'the objects')
  },
}

const packet: Target = {
  name: 'sparkleshare-packet',
  reads: 'one object: JSON or XML, and frames of ZeroMQ',
  holds:
    'a command or nothing; no entity but those of XML, none of which makes text longer; what is written is read back',
  seeds: [REGISTER, VERSION, XML, LAUGHS],
  tokens: SPARKLESHARE_TOKENS,
  longest: 3_000,
  check(input) {
    const bytes = bytesOf(input)
    for (const dialect of ['json', 'xml'] as const) {
      const found = readPacket({ dialect, bytes })
      if (!found) continue
      must(found.channel.length > 0 && found.channel.length <= 512, 'a channel beyond the bound')
      must((found.revision ?? '').length <= 1_024, 'a revision beyond the bound')
      must(found.repo.length <= input.length, 'a name longer than all that came')
    }
    const text = textOf(input)
    const json: unknown = JSON.parse(newVersion(text, text))
    same(json, { repo: text, command: 'new_version', revision: text }, 'the JSON')
    // What XML cannot hold is U+FFFD, and an empty element nothing.
    const held = text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    const read = readFields(`<packet><repo>${escapeXml(text)}</repo></packet>`).repo
    same(read ?? '', held, 'the XML')
  },
}

function clientObjects(pieces: readonly Buffer[]): string[] {
  const reader = new JsonObjects(MOST)
  const found: string[] = []
  try {
    for (const piece of pieces) found.push(...reader.push(piece))
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return ['refused']
  }
  return found
}

const jsonObjects: Target = {
  name: 'client-json-objects',
  reads: "JSON objects of a SparkleShare server's stream",
  holds: 'the same however they are cut; none beyond its bound',
  seeds: [VERSION, VERSION + VERSION],
  tokens: SPARKLESHARE_TOKENS,
  check(input, random) {
    const bytes = bytesOf(input)
    same(clientObjects(cutUp(bytes, random)), clientObjects([bytes]), 'the objects')
  },
}

const LINE = 64

function linesOf(pieces: readonly Buffer[]): string[] {
  const reader = new LineReader(LINE)
  const lines: string[] = []
  for (const piece of pieces) {
    const read = reader.add(piece)
    lines.push(...read.lines.map((line) => line.toString('latin1')))
    if (read.tooLong) return [...lines, 'too long']
  }
  return lines
}

const fanout: Target = {
  name: 'fanout',
  reads: "fanout's lines and commands",
  holds: 'the lines between LFs however they are cut; a command of every line, or nothing',
  seeds: [
    'subscribe 0123abcd\nsubscribe all\nannounce 0123abcd c0ffee1\nping\nunsubscribe all\ninfo\n',
  ],
  tokens: [
    '\n',
    '\r\n',
    ' ',
    '!',
    'ping\n',
    'info\n',
    'announce x ',
    'subscribe ',
    'unsubscribe ',
    '/',
    'x'.repeat(65),
  ],
  check(input, random) {
    const bytes = bytesOf(input)
    const lines = linesOf(cutUp(bytes, random))
    same(lines, linesOf([bytes]), 'the lines')
    for (const line of lines) {
      must(line.length <= LINE || line === 'too long', 'a line beyond the bound')
      const command = readCommand(bytesOf(line))
      if (command && 'name' in command)
        must(!/[ !]/.test(command.name), 'a name that splits a line')
    }
  },
}

const FEED_HEADS = [
  'GET /json/* HTTP/1.1\r\nHost: x\r\nX-Fetch-Since: 1700000000.5',
  'POST /x/y HTTP/1.1\nContent-Length: 5',
  'PUT http://x/commits/ HTTP/1.0\r\nTransfer-Encoding: chunked',
]

const feedRequest: Target = {
  name: 'feed-request',
  reads: "heads of the feed's requests, their paths and times",
  holds: 'a head or nothing; no name beyond its bound',
  seeds: FEED_HEADS,
  tokens: [
    'GET ',
    'POST ',
    ' HTTP/1.1',
    '\r\n',
    '\n',
    ':',
    '/',
    '*',
    '/*',
    '%2f',
    '%',
    '%00',
    'http://',
    'https://x',
    'X-Fetch-Since: ',
    '1e400',
    '-1',
    '.5',
  ],
  check(input) {
    const head = readHead(input)
    if (!head) return
    must(/^[A-Z]+$/.test(head.method) && head.uri !== '', 'a head without a method or a path')
    const selectors = selectorsOf(head.uri)
    if (selectors) must(selectors.size <= 2, 'more than a name and what is below')
    const channel = channelOf(head.uri)
    if (channel !== undefined)
      must(channel.length > 0 && channel.length <= 512, 'a name beyond its bound')
    const since = fetchSince(head.header('x-fetch-since'))
    must(since === undefined || Number.isFinite(since), 'a time without an end')
  },
}

const FEED_FRAMINGS = [
  '',
  'Content-Length: 7',
  'Transfer-Encoding: chunked',
  'Content-Length: 0',
  'Transfer-Encoding: identity',
]

function postOf(headers: string, pieces: readonly Buffer[]): string {
  const request = readHead(`POST /x HTTP/1.1\r\n${headers}`)
  if (!request) throw new Error('a head that is right')
  try {
    const body = new PostBody(request, 100)
    for (const piece of pieces) if (!body.done) body.add(piece)
    if (!body.done) body.ended()
    const bytes = body.take()
    must(bytes.length <= 100, 'a body beyond its bound')
    return `done ${bytes.toString('latin1')}`
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

function chunksOf(input: string, random: Random): Buffer {
  let text = ''
  for (let at = 0; at < input.length; ) {
    const piece = input.slice(at, at + 1 + random.small(60))
    const size = piece.length.toString(16)
    text += `${random.once(3) ? size.toUpperCase().padStart(4, '0') : size}${random.pick(['', ';a=b', ' ;x'])}\r\n${piece}\r\n`
    at += piece.length
  }
  return bytesOf(`${text}0\r\n${random.pick(['', 'X: y\r\n'])}\r\n`)
}

const feedPost: Target = {
  name: 'feed-post',
  reads: "bodies of the feed's posts: by length, in chunks, as a line",
  holds: 'the same however they are cut; chunks give what was put into them; none beyond its bound',
  seeds: [
    '{"a":1}\n',
    '7\r\n{"a":1}\r\n0\r\n\r\n',
    '7;x=y\r\n{"a":1}\r\n0\r\nA: b\r\n\r\n',
    'FFFFFFFF\r\n',
  ],
  tokens: [
    '0',
    '1',
    'a',
    'F',
    ';',
    ':',
    ' ',
    '\r',
    '\n',
    '\r\n',
    '{}',
    '0\r\n\r\n',
    '-1\r\n',
    '1\r\nx\r\n',
    '100000000\r\n',
  ],
  check(input, random) {
    const bytes = bytesOf(input)
    const headers = random.pick(FEED_FRAMINGS)
    same(
      postOf(headers, cutUp(bytes, random)),
      postOf(headers, [bytes]),
      `the body with ${headers}`,
    )
    const got: Buffer[] = []
    const reader = new ChunkReader((piece) => got.push(Buffer.from(piece)))
    orError(
      () => {
        for (const piece of cutUp(chunksOf(input, random), random)) reader.add(piece)
      },
      (error) => error instanceof ChunkError,
    )
    must(reader.done, 'chunks that are right have no end')
    same(Buffer.concat(got).toString('latin1'), input, 'what was in chunks')
  },
}

const zeromq: Target = {
  name: 'zeromq-topics',
  reads: 'subscriptions that peers of the broadcast socket make and drop',
  holds: 'the spellings that a plain list gives; never more known than the bound',
  seeds: ['\x01a\n\x01/a\n\x00a\n', '\x01\n\x01ab\n'],
  tokens: ['\x01', '\x00', '\n', 'a', '/', 'ab', 'abc', '\x01a\n', '\x00a\n', '\x01/\n'],
  longest: 400,
  check(input) {
    const most = 6
    const topics = new Topics(most)
    const plain = new Set<string>()
    let beyond = false
    for (const frame of input.split('\n')) {
      const topic = frame.slice(1)
      if (frame.startsWith('\x01') && !plain.has(topic)) {
        beyond ||= plain.size >= most
        topics.add(topic)
        plain.add(topic)
      } else if (frame.startsWith('\x00') && plain.delete(topic)) topics.remove(topic)
      must(topics.size <= plain.size || beyond, 'more topics than there are')
      for (const channel of ['a', 'ab', 'x/y']) {
        const spellings = topics.spellings(channel)
        const expected = [channel, `/${channel}`].filter((name, slash) =>
          [...plain].some((known) => name.startsWith(known) && known.length >= slash),
        )
        if (!beyond) same(spellings, expected, `the spellings of ${channel}`)
        else
          for (const name of expected) must(spellings.includes(name), 'a subscriber was forgotten')
      }
    }
  },
}

export const LINES: readonly Target[] = [
  splitter,
  packet,
  jsonObjects,
  fanout,
  feedRequest,
  feedPost,
  zeromq,
]
