import { EventStreamParser, type StreamEvent } from '../../../src/client/event-stream.ts'
import { RefusedError } from '../../../src/client/refused.ts'
import {
  channelFromBytes,
  channelFromText,
  channelPath,
  percentDecode,
} from '../../../src/model/channel.ts'
import { formatCursor, parseCursor } from '../../../src/model/cursor.ts'
import { formatId, parseId } from '../../../src/model/id.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { must, orError, same, textOf, type Target } from '../engine.ts'
import type { Random } from '../random.ts'

const ids: Target = {
  name: 'cursor',
  reads: 'ids and cursors',
  holds: 'what is read is written the same, but for leading zeros',
  seeds: ['1700000000-0', '1700000000-1..*', '4294967295-2097151', '..'],
  tokens: ['-', '.', '..', '*', '0', '1700000000', '-0', ' '],
  longest: 120,
  check(input) {
    const plain = input.replace(/(^|[-.])0+(?=\d)/g, '$1')
    const id = parseId(input)
    if (id !== undefined) same(formatId(id), plain, 'the id')
    for (const partitions of [1, 2, 3]) {
      const cursor = parseCursor(input, partitions)
      if (cursor === undefined) continue
      same(formatCursor(cursor), plain, 'the cursor')
      if (typeof cursor !== 'number') same(cursor.length, partitions, 'its places')
    }
  },
}

const names: Target = {
  name: 'channel',
  reads: 'names of channels, as bytes, text and in paths; what is followed',
  holds: 'no name beyond its bound; a path is read back; what is parsed selects what it names',
  seeds: ['a/b', '/a', 'x/', '/', '%2Fa%00', '\xc3\xa9'],
  tokens: ['/', '//', '%', '%2f', '%zz', '\xc3', 'a', '\u0000', '..'],
  check(input) {
    const name = channelFromBytes(input)
    if (name !== undefined) {
      must(name.length > 0 && name.length <= 512, 'a name beyond its bound')
      same(percentDecode(channelPath(name)), name, 'the path')
      must(/^[\x21-\x7e]*$/.test(channelPath(name)), 'a path with odd characters')
    }
    const text = channelFromText(textOf(input))
    if (text !== undefined) must(text.charCodeAt(0) <= 0xff, 'a private name was spelled')
    const decoded = percentDecode(input)
    must(
      (decoded === undefined) === /%(?![0-9A-Fa-f]{2})/.test(input),
      'malformed escapes are refused',
    )
    const selectors = Selectors.parse(input)
    if (!selectors) return
    must(selectors.size === 1, 'more than one thing is followed')
    if (selectors.single !== undefined)
      must(selectors.matches(selectors.single), 'it does not match itself')
    else {
      const below = channelFromBytes(`${input}x`.slice(0, 512))
      if (below !== undefined && input.length < 500)
        must(selectors.matches(below), 'it misses what is below')
    }
  },
}

const MOST = 300

function eventsOf(pieces: readonly string[]): string {
  const parser = new EventStreamParser(MOST)
  const events: StreamEvent[] = []
  const result = orError(
    () => {
      for (const piece of pieces) events.push(...parser.push(piece))
    },
    (error) => error instanceof RefusedError,
  )
  if (result.error) return 'refused'
  return JSON.stringify([events, parser.lastId, parser.retry])
}

/** The standard's own words, line by line (HTML, section 9.2.6). */
function byTheStandard(text: string): string {
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split(/\r\n|\r|\n/)
  lines.pop()
  const events: StreamEvent[] = []
  let [data, type, id, lastId] = ['', '', '', '']
  let retry: number | undefined
  for (const line of lines) {
    if (line === '') {
      lastId = id
      if (data !== '') events.push({ type: type || 'message', data: data.slice(0, -1), id })
      data = ''
      type = ''
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon === -1 ? line : line.slice(0, colon)
    const rest = colon === -1 ? '' : line.slice(colon + 1)
    const value = rest.startsWith(' ') ? rest.slice(1) : rest
    if (field === 'data') data += `${value}\n`
    else if (field === 'event') type = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d+$/.test(value)) retry = Number(value)
  }
  return JSON.stringify([events, lastId, retry])
}

function cutText(text: string, random: Random): string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length; ) {
    const next = at + 1 + random.small(text.length - at)
    pieces.push(text.slice(at, next))
    at = next
  }
  return pieces
}

const sse: Target = {
  name: 'client-sse',
  reads: "server-sent events, in the client's parser",
  holds: "the events of the standard's own algorithm, however they are cut; none beyond its bound",
  seeds: [
    'id: 1\ndata: hello\n\n',
    'event: gap\r\ndata: a\r\ndata: b\r\n\r\nretry: 3000\r\n\r\n',
    ': comment\n\ndata\n\nid\n\n',
    '\xef\xbb\xbfdata: x\n\n',
  ],
  tokens: [
    '\n',
    '\r',
    '\r\n',
    ':',
    ' ',
    'data: ',
    'id: ',
    'event: ',
    'retry: ',
    '\n\n',
    '\0',
    '\xef\xbb\xbf',
  ],
  longest: 290,
  check(input, random) {
    const text = textOf(input)
    const whole = eventsOf([text])
    same(eventsOf(cutText(text, random)), whole, 'the events')
    if (text.length < MOST) same(whole, byTheStandard(text), 'the events')
  },
}

export const MODEL: readonly Target[] = [ids, names, sse]
