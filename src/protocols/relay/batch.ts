import type { ChannelName } from '../../model/channel.ts'
import { draftOf } from '../../model/envelope.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'

/** Messages in one request. */
const MAX_LINES = 10_000

/** Whether a body is several messages, one JSON object a line. */
export function isJsonLines(contentType: string | undefined): boolean {
  return /^\s*application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines)\s*(?:;|$)/i.test(
    contentType ?? '',
  )
}

/** How many messages there may be in such a body. */
export function countLines(body: Buffer): number {
  let count = 1
  for (let at = body.indexOf(10); at !== -1; at = body.indexOf(10, at + 1)) {
    if (at < body.length - 1) count++
  }
  return count
}

/**
 * Reads JSON lines; blank ones are skipped. All are checked before any is published.
 * @param defaults of the request: each line's own key is made from its key
 * @throws FanfareError `bad_message` naming the line
 */
export function readJsonLines(
  body: Buffer,
  channel: ChannelName,
  defaults: Pick<Draft, 'key' | 'ttl'>,
): readonly Draft[] {
  const { key, ttl } = defaults
  const drafts: Draft[] = []
  const lines = body.toString('utf8').split('\n')
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    if (drafts.length === MAX_LINES) {
      throw new FanfareError('too_many', `One request takes at most ${MAX_LINES} messages.`)
    }
    try {
      const draft = draftOf(JSON.parse(line), line, channel)
      const ownKey = draft.key ?? (key === undefined ? undefined : `${key}#${index}`)
      drafts.push({ ...draft, key: ownKey, ttl: draft.ttl ?? ttl })
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      throw new FanfareError('bad_message', `Line ${index + 1}: ${detail}`)
    }
  }
  if (drafts.length === 0) throw new FanfareError('bad_message', 'There is no line with a message.')
  return drafts
}
