import { bytesToText } from '../model/channel.ts'
import { lineOf, readCommit } from '../repository/event.ts'
import { addressOf } from './address.ts'
import { readSome, send, shown } from './http.ts'
import { RecentLines } from './recent-lines.ts'
import {
  type Cursor,
  type Followed,
  type Missed,
  parseJson,
  refusalOf,
  RefusedError,
  SILENCE,
  type Source,
} from './source.ts'

/** GitPubSub's. */
export const FEED_PORT = 2069
/** Characters of an event. */
const MAX_LINE = 2 ** 28

/**
 * One connection to a feed: GitPubSub's stream of JSON lines. It resumes with the time of the last
 * stillalive, and leaves out what it has given since.
 */
export const feedSource: Source = async function* (url, cursor, { since, last, signal }) {
  if (last !== undefined) throw new RefusedError('a feed takes --since, but no --last')
  if (cursor.id === undefined && since !== undefined) cursor.id = timeOf(since)
  const { target, channel } = feedTarget(url)
  const recent = (cursor.recent ??= new RecentLines())
  recent.restart()
  const headers = cursor.id === undefined ? {} : { 'X-Fetch-Since': cursor.id }
  const response = await send(target, { method: 'GET', headers, signal })
  const { statusCode = 0, statusMessage = '' } = response
  if (statusCode !== 200) throw refusalOf(statusCode, statusMessage, await readSome(response))
  const type = response.headers['content-type'] ?? 'of unknown type'
  if (!/^\s*application\/(?:x-gitpubsub|json|vnd\.pypubsub-stream)\b/i.test(type)) {
    response.destroy()
    throw new RefusedError(`${shown(url)} is not a feed but ${type}`)
  }
  response.setTimeout(SILENCE)
  response.setEncoding('utf8')
  // Nothing to resume with, before the first stillalive has come.
  cursor.forgets = cursor.id === undefined
  yield { kind: 'connected', detail: shown(url) }
  for await (const line of linesOf(response as AsyncIterable<string>)) {
    const event = read(line, channel, cursor, recent)
    if (event) yield event
  }
}

/** The HTTP URL of a feed, and the channel that its path names. The query is part of the name there. */
export function feedTarget(url: URL): { readonly target: URL; readonly channel: string } {
  const { port, name } = addressOf(url, FEED_PORT)
  const target = new URL(`${url.protocol === 'feeds:' ? 'https' : 'http'}://${url.host}`)
  target.port = String(port)
  target.pathname = url.pathname === '' ? '/' : url.pathname
  target.search = url.search
  target.username = url.username
  target.password = url.password
  return { target, channel: bytesToText(name) }
}

/** @throws RefusedError for what is no time */
function timeOf(since: string): string {
  if (since === 'all') return '0'
  if (/^\d+(?:\.\d+)?$/.test(since)) return since
  throw new RefusedError('a feed starts at a unix time, or at all: --since 1795262580')
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string, void> {
  let begun: string[] = []
  let length = 0
  for await (const piece of pieces) {
    let from = 0
    for (let end = piece.indexOf('\n'); end !== -1; end = piece.indexOf('\n', from)) {
      begun.push(piece.slice(from, end))
      // GitPubSub before 0.9 put commas behind its events; svnwcsub's form has a NUL.
      const line = begun.join('').replace(/^\0|[\r\0]+$/g, '')
      begun = []
      length = 0
      from = end + 1
      if (line !== '') yield line
    }
    if (from < piece.length) begun.push(piece.slice(from))
    length += piece.length - from
    if (length > MAX_LINE) throw new RefusedError(`an event has more than ${MAX_LINE} characters`)
  }
}

/** @returns what a line tells; undefined when it tells nothing new */
function read(
  line: string,
  channel: string,
  cursor: Cursor,
  recent: RecentLines,
): Followed | undefined {
  const json = line.endsWith('},') ? line.slice(0, -1) : line
  const value = parseJson(json)
  const time = stillalive(value)
  if (time !== undefined) {
    // Ours counts in whole milliseconds, the original in microseconds, and it compares whole seconds.
    const exact = /"stillalive": *\d+\.\d{3}000\b/.test(json)
    recent.alive(time, exact)
    cursor.id = exact ? time.toFixed(3) : String(Math.floor(time))
    cursor.forgets = false
    return undefined
  }
  const gap = gapOf(value)
  if (gap) return gap
  return recent.take(line) ? message(value, json, channel) : undefined
}

/** The number of `{"stillalive": 1795262584.048000}`. */
function stillalive(value: unknown): number | undefined {
  const found = only(value, 'stillalive')
  return typeof found === 'number' && found > 0 ? found : undefined
}

function gapOf(value: unknown): Missed | undefined {
  const { since, from } = (only(value, 'gap') ?? {}) as Record<string, unknown>
  if (typeof since !== 'number' || typeof from !== 'number') return undefined
  return { kind: 'gap', from: String(since), to: String(from) }
}

/** The member of an object that has no other. */
function only(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) {
    return undefined
  }
  return (value as Record<string, unknown>)[name]
}

function message(value: unknown, json: string, channel: string): Followed {
  const common = { kind: 'message', id: '', channel, json } as const
  const commit = readCommit(value)
  if (commit) return { ...common, body: lineOf(commit, json) }
  const wrapped = (value ?? {}) as Record<string, unknown>
  const { channel: own, message: body, encoding } = wrapped
  const known = Object.keys(wrapped).length === (encoding === undefined ? 2 : 3)
  if (!known || typeof own !== 'string' || typeof body !== 'string') {
    return { ...common, body: json }
  }
  const base64 = encoding === 'base64' ? { encoding: 'base64' as const } : {}
  return { ...common, channel: own, body, ...base64 }
}
