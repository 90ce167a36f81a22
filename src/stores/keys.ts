import { createHash } from 'node:crypto'
import { FanfareError } from '../model/errors.ts'
import type { MessageId } from '../model/id.ts'
import { bytesOf, type Draft } from '../model/message.ts'
import { untraced } from '../model/trace.ts'

/** What a key stands for. */
export interface Seen {
  readonly id: MessageId
  /** A digest of the message; '' where the key alone decides. */
  readonly print: string
  /** ms since 1970. */
  readonly time: number
}

/**
 * The idempotency keys of the last while: (channel, key) → id, bounded in time and in number.
 * A Map keeps insertion order, so the oldest are always in front. One iterator is kept for them: a
 * new one would have to pass, each time, the places of all that were deleted in front.
 */
export class KeyWindow {
  readonly #seen = new Map<string, Seen>()
  #span: number
  #max: number
  #walk = this.#seen.entries()
  /** The oldest key, when the walk has just come upon it. */
  #oldest: [string, Seen] | undefined

  /**
   * @param span how long a key is remembered, in ms
   * @param max how many keys are remembered at most; the oldest go first
   */
  constructor(span: number, max: number) {
    this.#span = span
    this.#max = max
  }

  /** Other bounds. A shorter span holds at once for finding, and drops keys as others come. */
  update(span: number, max: number): void {
    this.#span = span
    this.#max = max
    // None is as old as that: only what is too many goes.
    this.#forget(Number.NEGATIVE_INFINITY)
  }

  /**
   * The id that this key was stored under, if it was.
   * @throws FanfareError `key_reused` when it came with another message
   */
  find(draft: Draft, now: number): MessageId | undefined {
    if (draft.key === undefined) return undefined
    const seen = this.#seen.get(slotOf(draft))
    if (!seen || seen.time + this.#span <= now) return undefined
    if (seen.print !== fingerprint(draft)) throw new FanfareError('key_reused')
    return seen.id
  }

  get size(): number {
    return this.#seen.size
  }

  remember(draft: Draft, id: MessageId, now: number): void {
    if (draft.key === undefined) return
    this.restore(slotOf(draft), { id, print: fingerprint(draft), time: now })
  }

  /** Remembers what was remembered before, in the order of its times. */
  restore(slot: string, seen: Seen): void {
    this.#seen.delete(slot)
    this.#seen.set(slot, seen)
    this.#forget(seen.time)
  }

  /** All that is remembered, oldest first. */
  entries(): IterableIterator<[string, Seen]> {
    return this.#seen.entries()
  }

  #forget(now: number): void {
    for (;;) {
      this.#oldest ??= this.#next()
      if (!this.#oldest) return
      const [key, seen] = this.#oldest
      // One that was remembered anew stands further back now.
      if (this.#seen.get(key) === seen) {
        if (this.#seen.size <= this.#max && seen.time + this.#span > now) return
        this.#seen.delete(key)
      }
      this.#oldest = undefined
    }
  }

  #next(): [string, Seen] | undefined {
    let step = this.#walk.next()
    if (step.done) {
      this.#walk = this.#seen.entries()
      step = this.#walk.next()
    }
    return step.done ? undefined : step.value
  }
}

/**
 * Under what a key is remembered: with its channel. Keys that decide are made by us: no client's key
 * is ever taken for one.
 */
export function slotOf({ channel, key, keyDecides }: Omit<Draft, 'body'>): string {
  return `${keyDecides ? '=' : ''}${channel.length}:${channel}${key}`
}

/** Tells messages under one key apart; '' where the key alone decides. */
export function fingerprint(draft: Draft): string {
  if (draft.keyDecides) return ''
  const hash = createHash('sha256').update(bytesOf(draft.body))
  hash.update(
    JSON.stringify([draft.contentType, draft.data, untraced(draft.attributes), draft.ttl]),
  )
  return hash.digest('base64')
}
