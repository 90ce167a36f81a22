import { type Cursors, type Encoder, type Gap, IDS } from '../../hub/contract.ts'
import { envelopeOf } from '../../model/envelope.ts'
import type { Message } from '../../model/message.ts'
import type { Selectors } from '../../model/selector.ts'
import { textFrame } from '../../net/text-frame.ts'

/** An unmasked ping without a payload (RFC 6455, section 5.5.2). */
export const PING: Buffer = Buffer.from([0x89, 0x00])

/** An unmasked close with the code 1012: the service restarts, come back (RFC 6455, section 11.7). */
export const GO_ELSEWHERE: Buffer = Buffer.from([0x88, 0x02, 1012 >> 8, 1012 & 0xff])

/** Each message a text frame with its JSON envelope; a batch is its frames, joined. */
export class FrameEncoder implements Encoder {
  readonly key = 'websocket'
  readonly door = 'websocket'
  readonly tellsGaps = true
  readonly showsCursors = 'spanning'

  encode(
    messages: readonly Message[],
    gap?: Gap,
    _selectors?: Selectors,
    cursors: Cursors = IDS,
  ): Buffer {
    // Its id says it where ids are cursors.
    const spans = cursors !== IDS
    const frames = messages.map((message) =>
      textFrame(envelopeOf(message, spans ? cursors.after(message) : undefined)),
    )
    if (gap) {
      const from = cursors.text(gap.from)
      const to = cursors.text(gap.to)
      frames.unshift(textFrame(JSON.stringify({ gap: { from, to } })))
    }
    return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames)
  }
}
