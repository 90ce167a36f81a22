import { isUtf8 } from 'node:buffer'
import type { Encoder, Gap } from '../../hub/contract.ts'
import { bytesToText } from '../../model/channel.ts'
import { oneLine } from '../../model/envelope.ts'
import { idIndex, idSecond, IDS_PER_SECOND, type MessageId } from '../../model/id.ts'
import type { Message } from '../../model/message.ts'

/** What a stream begins with, byte for byte (GitPubSub 0.9; also for HTTP/1.0 clients). */
export const OPENING = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: GitPubSub/0.9\r\nTransfer-Encoding: chunked\r\n' +
    'Content-Type: application/x-gitpubsub\r\n\r\n',
)

/** What a stream ends with that was not broken off. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n')

const HEX = Buffer.from('0123456789abcdef')
const LF = 0x0a
const CR = 0x0d

/**
 * GitPubSub's stream: each event is one line and one chunk. Never an empty line between two, as old
 * clients take that for the end.
 */
export class FeedEncoder implements Encoder {
  readonly key = 'feed'
  readonly door = 'feed'
  readonly tellsGaps = true

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    const lines: Buffer[] = gap ? [Buffer.from(gapLine(gap))] : []
    for (const message of messages) lines.push(lineOf(message))
    return chunked(lines)
  }
}

/** @param now ms since 1970 */
export function stillalive(now: number): Buffer {
  return chunked([Buffer.from(`{"stillalive": ${(now / 1000).toFixed(6)}}`)])
}

/**
 * Each line as a chunk: its data is the line with its CR LF, and another CR LF ends the chunk. Written
 * into one Buffer: a replay of 100,000 events would otherwise leave 300,000 little ones to collect.
 */
function chunked(lines: readonly Buffer[]): Buffer {
  let length = 0
  for (const line of lines) length += sizeDigits(line.length + 2) + line.length + 6
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const line of lines) {
    const size = line.length + 2
    for (let shift = (sizeDigits(size) - 1) * 4; shift >= 0; shift -= 4) {
      bytes[at++] = HEX[(size >>> shift) & 0xf] as number
    }
    at = lineEnd(bytes, at)
    at += line.copy(bytes, at)
    at = lineEnd(bytes, lineEnd(bytes, at))
  }
  return bytes
}

function lineEnd(bytes: Buffer, at: number): number {
  bytes[at] = CR
  bytes[at + 1] = LF
  return at + 2
}

/** How many hexadecimal digits a number has. */
function sizeDigits(size: number): number {
  return Math.max(1, Math.ceil((32 - Math.clz32(size)) / 4))
}

/** A message as one line: its JSON as it was published, or else a JSON object around its text. */
function lineOf(message: Message): Buffer {
  const { body, ownData } = message
  if (ownData !== undefined) return Buffer.from(oneLine(ownData))
  if (message.bodyIsJson) {
    const one = !body.includes(LF) && !body.includes(CR)
    return one ? body : Buffer.from(oneLine(body.toString('utf8')).trim())
  }
  const channel = JSON.stringify(bytesToText(message.channel))
  const text = isUtf8(body)
    ? JSON.stringify(body.toString('utf8'))
    : `"${body.toString('base64')}","encoding":"base64"`
  return Buffer.from(`{"channel":${channel},"message":${text}}`)
}

/** Both are times to ask for: what was missing, and what nothing is missing from on. */
function gapLine({ from, to }: Gap): string {
  return `{"gap":{"since":${secondAfter(from)},"from":${idSecond(to) + 1}}}`
}

/** A cursor just before a second stands for that second. */
function secondAfter(cursor: MessageId): number {
  return idSecond(cursor) + (idIndex(cursor) === IDS_PER_SECOND - 1 ? 1 : 0)
}
