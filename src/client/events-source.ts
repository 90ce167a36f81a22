import { EventStreamParser } from './event-stream.ts'
import { readSome, send, shown } from './http.ts'
import {
  type Followed,
  fromEnvelope,
  fromGap,
  parseJson,
  refusalOf,
  RefusedError,
  SILENCE,
  type Source,
} from './source.ts'

/** One connection to a server-sent events location, with the JSON envelope where it is offered. */
export const eventsSource: Source = async function* (url, cursor, { since, last, signal }) {
  const target = new URL(url)
  if (!target.searchParams.has('format')) target.searchParams.set('format', 'json')
  if (cursor.id === undefined) {
    if (since !== undefined) target.searchParams.set('since', since)
    if (last !== undefined) target.searchParams.set('last', String(last))
  }
  const response = await send(target, {
    method: 'GET',
    headers: {
      accept: 'text/event-stream',
      ...(cursor.id === undefined ? {} : { 'last-event-id': cursor.id }),
    },
    signal,
  })
  const { statusCode = 0, statusMessage = '', headers } = response
  response.setEncoding('utf8')
  if (statusCode !== 200) {
    throw refusalOf(statusCode, statusMessage, await readSome(response))
  }
  const type = headers['content-type'] ?? 'of unknown type'
  if (!/^\s*text\/event-stream\s*(?:;|$)/i.test(type)) {
    response.destroy()
    throw new RefusedError(`${shown(target)} is not an event stream but ${type}`)
  }
  response.setTimeout(SILENCE)
  yield { kind: 'connected', detail: shown(url) }
  const parser = new EventStreamParser()
  parser.lastId = cursor.id ?? ''
  const channel = channelIn(url)
  for await (const piece of response as AsyncIterable<string>) {
    for (const event of parser.push(piece)) {
      if (event.type === 'unauthorized') throw new RefusedError(wordsIn(event.data))
      // A consumer that stops in the middle of a piece has seen this far and no further.
      if (event.id !== '') cursor.id = event.id
      yield followed(event.type, event.data, event.id, channel)
    }
    if (parser.lastId !== '') cursor.id = parser.lastId
    if (parser.retry !== undefined) cursor.retry = parser.retry
  }
}

/** Why the server ends a stream for good. */
function wordsIn(data: string): string {
  const { message } = (parseJson(data) ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : 'what was shown to the server is no longer good'
}

function followed(type: string, data: string, id: string, channel: string): Followed {
  const gap = type === 'gap' ? fromGap(parseJson(data)) : undefined
  if (gap) return gap
  // Servers that know no envelope send the body itself.
  const json = JSON.stringify({ id, channel, body: data })
  return fromEnvelope(data) ?? { kind: 'message', id, channel, body: data, json }
}

/** What a URL behind its location names, for servers that do not say it themselves. */
function channelIn(url: URL): string {
  const name = url.pathname.split('/').slice(2).join('/')
  try {
    return decodeURIComponent(name)
  } catch {
    // Not UTF-8: it stays percent-encoded.
    return name
  }
}
