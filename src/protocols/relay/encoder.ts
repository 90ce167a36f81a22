import { headerSafe, type HeaderLines, reply } from '../../http/reply.ts'
import type { Encoder, Gap } from '../../hub/contract.ts'
import { formatId, idIndex, idSecond } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import { TRACEPARENT } from '../../model/trace.ts'

/** What a message without a Content-Type is given out as. */
const UNTYPED = 'application/octet-stream'

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

  /**
   * @param closes whether the connection ends with the answer
   * @param cors header lines for pages of other origins
   */
  constructor(closes: boolean, cors: HeaderLines) {
    this.#closes = closes
    this.#cors = cors
    this.key = `poll ${closes} ${cors.join('\n')}`
  }

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    const message = messages[0] as Message
    const lines = ['Vary: If-Modified-Since, If-None-Match', ...validators(message.id)]
    lines.push(`Content-Type: ${headerSafe(message.contentType ?? UNTYPED)}`)
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
