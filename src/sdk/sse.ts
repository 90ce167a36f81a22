import { EventStreamParser } from '../client/event-stream.ts'
import { RefusedError } from '../client/refused.ts'
import { errorOf, FanfareError, parseJson } from './errors.ts'
import { gapOf, messageOf } from './messages.ts'
import { Deadline } from './request.ts'
import { type Source, urlOf } from './source.ts'

/** Characters of one event; more would not fit into the memory of most pages. */
const MAX_EVENT = 2 ** 26
/**
 * A stream begins at once, so its answer may not take longer, in ms. It matters on Node.js 20, where the first
 * fetch of a process never ends when the server closes the connection at once.
 */
const ANSWER = 10_000

/**
 * Server-sent events by `fetch`, which unlike EventSource tells why it was refused, can wait, and is there
 * in Node.js.
 */
export function eventStreams(fetcher: typeof fetch): Source {
  return async (target, listener, outer) => {
    const { inbox } = listener
    const url = urlOf(target, inbox.reached)
    url.searchParams.set('format', 'json')
    const deadline = new Deadline(Math.min(target.silence, ANSWER), outer)
    try {
      const response = await fetcher(url.href, {
        // The second is for errors.
        headers: { accept: 'text/event-stream, application/json' },
        signal: deadline.signal,
      })
      const { body, status, headers } = response
      if (status !== 200) throw errorOf(status, await response.text())
      const type = headers.get('content-type') ?? ''
      if (!body || !/^\s*text\/event-stream\b/i.test(type)) {
        const words = `${target.location} is no event stream but ${type || 'of unknown type'}`
        throw new FanfareError('bad_answer', words, { status })
      }
      // Otherwise the stream says first where it begins, and only then could it be resumed.
      let opened = url.searchParams.has('since') || url.searchParams.has('last')
      if (opened) listener.opened()
      const parser = new EventStreamParser(MAX_EVENT)
      const reader = body.getReader()
      const decoder = new TextDecoder()
      for (;;) {
        deadline.refresh(target.silence)
        const { done, value } = await reader.read()
        if (done) return 'the server closed the connection'
        for (const event of parser.push(decoder.decode(value, { stream: true }))) {
          const json = parseJson(event.data)
          const item = event.type === 'gap' ? gapOf(json) : messageOf(json)
          if (item) inbox.give(item, event.id || undefined, event.data.length)
        }
        if (parser.lastId !== '') inbox.stand(parser.lastId)
        if (!opened && parser.lastId !== '') {
          opened = true
          listener.opened()
        }
        if (parser.retry !== undefined) listener.retry(parser.retry)
        if (inbox.full) {
          // Not reading is what makes the server wait.
          deadline.pause()
          await inbox.room()
        }
      }
    } catch (error) {
      if (error instanceof RefusedError) throw new FanfareError('bad_answer', error.message)
      throw deadline.reasonFor(error, url.href)
    } finally {
      // Also lets go of a connection that was not read to its end.
      deadline.end()
    }
  }
}
