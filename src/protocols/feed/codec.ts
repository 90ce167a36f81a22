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

const EVENT_END = Buffer.from('\r\n\r\n')
const LF = 0x0a
const CR = 0x0d

/**
 * GitPubSub's stream: each event is one line and one chunk. Never an empty line between two, as old
 * clients take that for the end.
 */
export class FeedEncoder implements Encoder {
  readonly key = 'feed'
  readonly tellsGaps = true

  encode(messages: readonly Message[], gap?: Gap): Buffer {
    const parts: Buffer[] = []
    if (gap) pushEvent(parts, Buffer.from(gapLine(gap)))
    for (const message of messages) pushEvent(parts, lineOf(message))
    return Buffer.concat(parts)
  }
}

/** @param now ms since 1970 */
export function stillalive(now: number): Buffer {
  const parts: Buffer[] = []
  pushEvent(parts, Buffer.from(`{"stillalive": ${(now / 1000).toFixed(6)}}`))
  return Buffer.concat(parts)
}

/** The chunk's data is the line with its CR LF; another CR LF ends the chunk. */
function pushEvent(parts: Buffer[], line: Buffer): void {
  parts.push(Buffer.from(`${(line.length + 2).toString(16)}\r\n`, 'latin1'), line, EVENT_END)
}

/** A message as one line: its JSON as it was published, or else a JSON object around its text. */
function lineOf(message: Message): Buffer {
  const { body, data, ownData } = message
  if (ownData !== undefined) return Buffer.from(oneLine(ownData))
  if (data !== undefined) {
    return body.includes(LF) || body.includes(CR) ? Buffer.from(oneLine(data).trim()) : body
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
