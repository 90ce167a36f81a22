import { type Facts, type FactWatcher, type How, isAllowed, type Stated } from './facts.ts'

/** One fact with all its names. */
export interface Fact {
  readonly kind: string
  readonly owner: string
  readonly item: string
  readonly value: string
  /** ms since 1970; 0 = for good. */
  readonly until: number
}

/** How many facts with an end are looked at for each new one: more than come, so none stays for long. */
const LOOKS = 4

/**
 * Facts of one process, gone with it. How many there are is bounded by whoever states them; those whose
 * time has run out are dropped whether anybody asks for them or not.
 */
export class MemoryFacts implements Facts {
  readonly #now: () => number
  readonly #kinds = new Map<string, Map<string, Map<string, Fact>>>()
  /** Those with an end. */
  readonly #timed = new Set<Fact>()
  /** Goes round them. */
  #hand = this.#timed.values()
  #watcher: FactWatcher | undefined

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  watch(watcher: FactWatcher): void {
    this.#watcher = watcher
  }

  get(kind: string, owner: string, item: string): string | undefined {
    const fact = this.#find(kind, owner, item)
    if (!fact || !this.#isPast(fact)) return fact?.value
    this.#drop(fact)
    return undefined
  }

  set(kind: string, owner: string, item: string, value?: string, how: How = {}): Stated {
    const former = this.get(kind, owner, item)
    const items = this.itemsOf(kind, owner)
    const isDone = isAllowed(value, how, { former, items, owners: this.count(kind) })
    if (isDone) {
      const until = how.ttl !== undefined && how.ttl > 0 ? this.#now() + how.ttl : 0
      this.put(kind, owner, item, value, until)
    }
    return { done: isDone, size: this.itemsOf(kind, owner), former }
  }

  /**
   * States a fact or takes it back, on no terms.
   * @param until ms since 1970; 0 = for good
   */
  put(kind: string, owner: string, item: string, value: string | undefined, until: number): void {
    const former = this.#find(kind, owner, item)
    if (former) this.#drop(former)
    if (value !== undefined) this.#add({ kind, owner, item, value, until })
    this.#watcher?.(kind, owner, item, value)
  }

  list(kind: string, owner: string): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const fact of this.#kinds.get(kind)?.get(owner)?.values() ?? []) {
      if (this.#isPast(fact)) this.#drop(fact)
      else found.set(fact.item, fact.value)
    }
    return found
  }

  sizes(kind: string, owners: readonly string[]): number[] {
    return owners.map((owner) => this.list(kind, owner).size)
  }

  /** How many items an owner has; those count whose time has run out unnoticed. */
  itemsOf(kind: string, owner: string): number {
    return this.#kinds.get(kind)?.get(owner)?.size ?? 0
  }

  owners(kind: string): string[] {
    const names: string[] = []
    for (const [owner, items] of this.#kinds.get(kind) ?? []) {
      for (const fact of items.values()) {
        if (this.#isPast(fact)) this.#drop(fact)
        else {
          names.push(owner)
          break
        }
      }
    }
    return names
  }

  count(kind: string): number {
    return this.#kinds.get(kind)?.size ?? 0
  }

  close(): void {
    this.#watcher = undefined
  }

  /** Every fact that is not past. */
  *all(): IterableIterator<Fact> {
    for (const owners of this.#kinds.values()) {
      for (const items of owners.values()) {
        for (const fact of items.values()) if (!this.#isPast(fact)) yield fact
      }
    }
  }

  /** Facts that are kept, past ones included. */
  get total(): number {
    let total = 0
    for (const owners of this.#kinds.values()) {
      for (const { size } of owners.values()) total += size
    }
    return total
  }

  #find(kind: string, owner: string, item: string): Fact | undefined {
    return this.#kinds.get(kind)?.get(owner)?.get(item)
  }

  #add(fact: Fact): void {
    const owners = put(this.#kinds, fact.kind, () => new Map<string, Map<string, Fact>>())
    put(owners, fact.owner, () => new Map<string, Fact>()).set(fact.item, fact)
    if (fact.until === 0) return
    this.#timed.add(fact)
    this.#lookAround()
  }

  #lookAround(): void {
    for (let looks = 0; looks < LOOKS; looks++) {
      const { value: fact } = this.#hand.next()
      if (!fact) {
        this.#hand = this.#timed.values()
        return
      }
      if (this.#isPast(fact)) this.#drop(fact)
    }
  }

  #isPast({ until }: Fact): boolean {
    return until !== 0 && until <= this.#now()
  }

  #drop(fact: Fact): void {
    this.#timed.delete(fact)
    const owners = this.#kinds.get(fact.kind)
    const items = owners?.get(fact.owner)
    if (items?.delete(fact.item) && items.size === 0) owners?.delete(fact.owner)
  }
}

function put<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
