import { oneLine } from '../model/envelope.ts'
import { feedTarget } from './feed-source.ts'
import { readSome, send, shown } from './http.ts'
import type { Outgoing, PublishProtocol } from './publisher.ts'
import { parseJson, RefusedError } from './source.ts'

/** A feed: each message is a POST of its own, as GitPubSub takes one line of JSON at a time. */
export const viaFeed: PublishProtocol = {
  carries: ['key'],
  // Only ours knows the key, and nothing tells whether it is ours.
  repeats: false,
  async open(url, signal) {
    const { target } = feedTarget(url)
    return {
      async publish(messages) {
        const bodies = messages.map(jsonOf)
        for (const [n, body] of bodies.entries()) {
          const { key } = messages[n] as Outgoing
          const headers = {
            'Content-Type': 'application/json',
            ...(key === undefined ? {} : { 'Idempotency-Key': key }),
          }
          const sent = { method: 'POST', headers, body, ...(signal ? { signal } : {}) } as const
          const response = await send(target, sent)
          const { statusCode = 0 } = response
          const text = (await readSome(response)).trim()
          if (statusCode < 200 || statusCode > 299) {
            const words = `${shown(url)} answered ${statusCode}: ${text.slice(0, 500)}`
            throw new RefusedError(words)
          }
        }
        return { id: 'published' }
      },
      close: async () => {},
    }
  },
}

/** One line of JSON, with its end. @throws RefusedError */
function jsonOf({ body }: Outgoing): Buffer {
  const text = body.toString('utf8').trim()
  if (parseJson(text) === undefined) {
    throw new RefusedError(`a feed takes JSON, such as {"text":"hello"}, not ${text.slice(0, 60)}`)
  }
  return Buffer.from(`${oneLine(text)}\n`)
}
