import { ownBytes } from '../../http/body.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { Draft } from '../../model/message.ts'
import { commitDraft, decidingKey, readCommit } from '../../repository/event.ts'
import { Refusal } from './refusal.ts'

const LF = 0x0a
const CR = 0x0d
const BOM = Buffer.from('\ufeff')

export interface ReadOptions {
  readonly channel: ChannelName
  readonly maxLines: number
  /** The request's Idempotency-Key: each further line's own is made from it. */
  readonly key: string | undefined
  /** Each commit is known by what it is about: `Fanfare-Key: event`. */
  readonly byEvent: boolean
}

/**
 * What a publisher posted, as messages: one JSON value, or several, one a line. All are read before any
 * is published.
 * @throws Refusal naming the line
 */
export function readEvents(body: Buffer, options: ReadOptions): Draft[] {
  const trimmed = trim(body.subarray(0, BOM.length).equals(BOM) ? body.subarray(BOM.length) : body)
  const single = draftOf(trimmed, options)
  if (single) return [single]
  const drafts: Draft[] = []
  let from = 0
  for (let number = 1; from <= trimmed.length; number++) {
    const end = trimmed.indexOf(LF, from)
    const line = trim(trimmed.subarray(from, end === -1 ? trimmed.length : end))
    from = end === -1 ? trimmed.length + 1 : end + 1
    if (line.toString('latin1').trim() === '') continue
    if (drafts.length === options.maxLines) {
      throw new Refusal('413 Too large', `One request takes at most ${options.maxLines} events :(`)
    }
    const draft = draftOf(line, options, drafts.length)
    if (!draft) throw invalid(from > trimmed.length && number === 1 ? undefined : number)
    drafts.push(draft)
  }
  if (drafts.length === 0) throw invalid()
  return drafts
}

/** The original's words; of several lines it is also said which. */
function invalid(line?: number): Refusal {
  const where = line === undefined ? '' : ` in line ${line}`
  return new Refusal('400 Bad request', `Invalid JSON data posted${where} :(\r\n`)
}

function draftOf(line: Buffer, options: ReadOptions, index = 0): Draft | undefined {
  const text = line.toString('utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { channel, byEvent } = options
  const own = options.key === undefined || index === 0 ? options.key : `${options.key}#${index}`
  const commit = readCommit(value)
  // Its own JSON, as it came: a JSON body is its own data.
  if (!commit) return { channel, body: ownBytes(line), contentType: 'application/json', key: own }
  return { ...commitDraft(channel, commit, text), key: own, ...(byEvent && decidingKey(commit)) }
}

/** Without line ends around it; all else is the publisher's, byte for byte. */
function trim(bytes: Buffer): Buffer {
  let from = 0
  let end = bytes.length
  while (from < end && isLineEnd(bytes[from])) from++
  while (end > from && isLineEnd(bytes[end - 1])) end--
  return bytes.subarray(from, end)
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR
}
