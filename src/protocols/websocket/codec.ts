import type { Encoder, Gap } from '../../hub/contract.ts'
import { envelopeOf } from '../../model/envelope.ts'
import { formatId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'

/** An unmasked ping without a payload (RFC 6455, section 5.5.2). */
export const PING: Buffer = Buffer.from([0x89, 0x00])

/** Final frame, text (RFC 6455, section 5.2). */
const TEXT = 0x81

/** A server's text frame: final, unmasked, never fragmented. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const frame = Buffer.allocUnsafe(2 + lengthBytes + length)
  frame[0] = TEXT
  if (lengthBytes === 0) frame[1] = length
  else if (lengthBytes === 2) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    frame.writeUInt32BE(length >>> 0, 6)
  }
  frame.write(text, 2 + lengthBytes)
  return frame
}

/** Each message a text frame with its JSON envelope; a batch is its frames, joined. */
export class FrameEncoder implements Encoder {
  readonly key = 'websocket'
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
