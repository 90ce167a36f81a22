import type { Encoder, Gap } from '../../hub/contract.ts'
import { envelopeOf } from '../../model/envelope.ts'
import { formatId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'
import { textFrame } from '../../net/text-frame.ts'

/** An unmasked ping without a payload (RFC 6455, section 5.5.2). */
export const PING: Buffer = Buffer.from([0x89, 0x00])

/** Each message a text frame with its JSON envelope; a batch is its frames, joined. */
export class FrameEncoder implements Encoder {
  readonly key = 'websocket'
  readonly door = 'websocket'
  readonly tellsGaps = true

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    const frames = messages.map((message) => textFrame(envelopeOf(message)))
    if (gap) {
      const { from, to } = gap
      frames.unshift(textFrame(JSON.stringify({ gap: { from: formatId(from), to: formatId(to) } })))
    }
    return frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames)
  }
}
