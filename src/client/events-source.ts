import { EventStreamParser } from './event-stream.ts'
import { type Followed, fromEnvelope, RefusedError, type Source } from './source.ts'

/** One connection to a server-sent events location, with the JSON envelope where it is offered. */
export const eventsSource: Source = async function* (url, cursor, { since, last, signal }) {
  const target = new URL(url)
  if (!target.searchParams.has('format')) target.searchParams.set('format', 'json')
  if (cursor.id === undefined) {
    if (since !== undefined) target.searchParams.set('since', since)
    if (last !== undefined) target.searchParams.set('last', String(last))
  }
  const response = await fetch(target, {
    headers: {
      accept: 'text/event-stream',
      ...(cursor.id === undefined ? {} : { 'last-event-id': cursor.id }),
    },
    signal,
  })
  const type = response.headers.get('content-type') ?? ''
  if (!response.ok || response.status === 204 || !response.body) {
    const text = (await response.text()).trim()
    const detail = text || `the server answered ${response.status} ${response.statusText}`
    throw response.status >= 500 ? new Error(detail) : new RefusedError(detail)
  }
  if (!type.startsWith('text/event-stream')) {
    await response.body.cancel()
    throw new RefusedError(`${target.href} is not an event stream but ${type || 'of unknown type'}`)
  }
  yield { kind: 'connected', detail: url.href }
  const parser = new EventStreamParser()
  parser.lastId = cursor.id ?? ''
  const channel = decodeURIComponent(url.pathname.split('/').slice(2).join('/'))
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    for (const event of parser.push(piece)) {
      // A consumer that stops in the middle of a piece has seen this far and no further.
      if (event.id !== '') cursor.id = event.id
      yield followed(event.type, event.data, event.id, channel)
    }
    if (parser.lastId !== '') cursor.id = parser.lastId
    if (parser.retry !== undefined) cursor.retry = parser.retry
  }
}

function followed(type: string, data: string, id: string, channel: string): Followed {
  if (type === 'gap') {
    const { from, to } = JSON.parse(data) as { from: string; to: string }
    return { kind: 'gap', from, to }
  }
  // Servers that know no envelope send the body itself.
  const json = JSON.stringify({ id, channel, body: data })
  return fromEnvelope(data) ?? { kind: 'message', id, channel, body: data, json }
}
