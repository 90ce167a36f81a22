import { headerSafe, type HeaderLines, reply } from '../../http/reply.ts'
import type { Encoder, Gap } from '../../hub/contract.ts'
import { formatId, idIndex, idSecond } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import { TRACEPARENT } from '../../model/trace.ts'

/** What a message without a Content-Type is given out as. */
const UNTYPED = 'application/octet-stream'

/** Types that no browser makes a page of. One that is said in a list is taken by its last word: that is none of these. */
const HARMLESS =
  /^(?:text\/plain|application\/(?:json|octet-stream|x-www-form-urlencoded))[\t ]*(?:;[^,]*)?$/i

/**
 * Whoever may publish to one channel could have a page made of a message, which would be this server's own and do
 * whatever its reader may: so it is nobody's, and runs nothing (HTML standard, section 7.1.5).
 */
const NO_PAGE: HeaderLines = ['Content-Security-Policy: sandbox', 'X-Content-Type-Options: nosniff']

/** Bytes of an answer that is kept for the next who asks for the same. */
const LONGEST_REMEMBERED = 64 * 2 ** 10

/** The two validators that make a poll's answer the cursor for the next. */
export function validators(id: Message['id']): HeaderLines {
  const date = new Date(idSecond(id) * 1000).toUTCString()
  return [`Last-Modified: ${date}`, `Etag: ${idIndex(id)}`]
}

/** One message as the whole answer to a poll: built once for everyone who waits for it. */
export class PollEncoder implements Encoder {
  readonly key: string
  readonly door = 'relay'
  readonly tellsGaps = true
  readonly #closes: boolean
  readonly #cors: HeaderLines
  /** The last answer, and the second that its Date says. */
  #last: Message | undefined
  #lastSecond = 0
  #lastBytes: Buffer = Buffer.alloc(0)

  /**
   * @param closes whether the connection ends with the answer
   * @param cors header lines for pages of other origins
   */
  constructor(closes: boolean, cors: HeaderLines) {
    this.#closes = closes
    this.#cors = cors
    this.key = `poll ${closes} ${cors.join('\n')}`
  }

  /** Those who catch up ask for the same message one after the other. */
  encode(messages: readonly Message[], gap?: Gap): Buffer {
    const message = messages[0] as Message
    if (gap) return this.#encode(message, gap)
    const second = Math.floor(Date.now() / 1000)
    if (message === this.#last && second === this.#lastSecond) return this.#lastBytes
    const bytes = this.#encode(message)
    if (bytes.length > LONGEST_REMEMBERED) return bytes
    this.#last = message
    this.#lastSecond = second
    this.#lastBytes = bytes
    return bytes
  }

  #encode(message: Message, gap?: Gap): Buffer {
    const lines = ['Vary: If-Modified-Since, If-None-Match', ...validators(message.id)]
    const type = headerSafe(message.contentType ?? UNTYPED)
    lines.push(`Content-Type: ${type}`)
    if (!HARMLESS.test(type)) lines.push(...NO_PAGE)
    // Nobody on the way may answer the next poll with this: heuristics would let it. hbpush's fork
    // repeats the Etag here for pages whose browser hides it.
    const repeat = this.#cors.length > 0 ? `, etag=${idIndex(message.id)}` : ''
    lines.push(`Cache-Control: no-store${repeat}`)
    const trace = message.attributes?.[TRACEPARENT]
    if (trace !== undefined) lines.push(`Traceparent: ${headerSafe(trace)}`)
    if (gap) lines.push(`Fanfare-Gap: from=${formatId(gap.from)}, to=${formatId(gap.to)}`)
    return reply(200, [...lines, ...this.#cors], message.body, this.#closes)
  }
}
