import type { FanfareError } from '../../model/errors.ts'
import { type How, isAllowed, type Stated } from '../facts.ts'
import type { MemoryFacts } from '../memory-facts.ts'
import type { FactRecord } from './facts-format.ts'

/** Something to be stated, and who waits for that. */
export interface Waiting {
  readonly record: FactRecord
  readonly how: How
  resolve(stated: Stated): void
  reject(error: FanfareError): void
}

/** Names cannot be confused when their lengths stand in front. */
function keyOf(kind: string, owner: string, item = ''): string {
  return `${kind.length}:${owner.length}:${kind}${owner}${item}`
}

/**
 * What is known once a batch is in the file, while it is not yet: so that each fact of the batch is judged by
 * all before it, and readers see what is stored alone.
 */
export class FactsBatch {
  /** What is to be written, in order. */
  readonly records: FactRecord[] = []
  readonly #facts: MemoryFacts
  readonly #values = new Map<string, string | undefined>()
  /** How many items an owner has more than is stored, and how many owners a kind. */
  readonly #items = new Map<string, number>()
  readonly #owners = new Map<string, number>()

  constructor(facts: MemoryFacts) {
    this.#facts = facts
  }

  add({ record, how }: Waiting): Stated {
    const { kind, owner, item, value } = record
    const key = keyOf(kind, owner, item)
    const former = this.#values.has(key)
      ? this.#values.get(key)
      : this.#facts.get(kind, owner, item)
    const items = this.#itemsOf(kind, owner)
    const owners = this.#facts.count(kind) + (this.#owners.get(kind) ?? 0)
    if (!isAllowed(value, how, { former, items, owners })) {
      return { done: false, size: items, former }
    }
    this.records.push(record)
    this.#values.set(key, value)
    const change = Number(value !== undefined) - Number(former !== undefined)
    if (change !== 0) {
      const place = keyOf(kind, owner)
      this.#items.set(place, (this.#items.get(place) ?? 0) + change)
      const isOwnersToo = change > 0 ? items === 0 : items === 1
      if (isOwnersToo) this.#owners.set(kind, (this.#owners.get(kind) ?? 0) + change)
    }
    return { done: true, size: items + change, former }
  }

  #itemsOf(kind: string, owner: string): number {
    return this.#facts.itemsOf(kind, owner) + (this.#items.get(keyOf(kind, owner)) ?? 0)
  }
}
