/** Something that wants to be looked at now and then: a connection. */
export interface WheelItem {
  /** Owned by the wheel. */
  wheelBucket: number
  /** Owned by the wheel. */
  wheelIndex: number
  /**
   * Called once a revolution. May remove itself or others.
   * @param now ms since some start, from a clock that never goes back
   */
  tick(now: number): void
  /**
   * The server is going: ends it as soon as what is under way is done, so that its client comes back,
   * elsewhere if it can. Called until it has gone.
   */
  leave?(): void
  /** It has failed: closes it at once. */
  broken?(): void
}

/**
 * One timer for all connections: each sits in one of the wheel's buckets, and every step visits one
 * bucket. Heartbeats and timeouts of thousands of connections are so spread over the whole interval,
 * and cost no timer each.
 */
export class Wheel {
  readonly #buckets: WheelItem[][]
  #step: number
  #next = 0
  #at = 0
  #timer: NodeJS.Timeout | undefined
  /** The time of the last step, in ms: a clock that costs nothing to read. */
  now = 0
  readonly #onError: (error: unknown) => void

  /**
   * @param interval how often each item is visited, in ms
   * @param buckets into how many steps that is divided
   * @param onError hears of an item that threw; it is closed, and the others are visited all the same
   */
  constructor(interval: number, buckets = 15, onError: (error: unknown) => void = rethrow) {
    this.#onError = onError
    this.#buckets = Array.from({ length: buckets }, () => [])
    this.#step = stepOf(interval, buckets)
    this.now = performance.now()
  }

  start(): void {
    this.#timer ??= setInterval(() => this.turn(), this.#step).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Visits each item that often from now on, in ms. */
  set interval(interval: number) {
    const step = stepOf(interval, this.#buckets.length)
    if (step === this.#step) return
    this.#step = step
    if (this.#timer === undefined) return
    this.stop()
    this.start()
  }

  /** Everything that is on it, as it is now. */
  items(): readonly WheelItem[] {
    return this.#buckets.flat()
  }

  get size(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.length, 0)
  }

  add(item: WheelItem): void {
    const bucket = this.#buckets[this.#next] as WheelItem[]
    item.wheelBucket = this.#next
    item.wheelIndex = bucket.length
    bucket.push(item)
    this.#next = (this.#next + 1) % this.#buckets.length
  }

  /** Takes an item off; harmless when it is not on. */
  remove(item: WheelItem): void {
    const bucket = this.#buckets[item.wheelBucket]
    if (!bucket || bucket[item.wheelIndex] !== item) return
    const last = bucket.pop() as WheelItem
    if (last !== item) {
      bucket[item.wheelIndex] = last
      last.wheelIndex = item.wheelIndex
    }
    item.wheelBucket = -1
  }

  /** One step: visits the next bucket. */
  turn(): void {
    this.now = performance.now()
    this.#at = (this.#at + 1) % this.#buckets.length
    // A copy: whoever is visited may take itself or others off, which moves the rest about.
    for (const item of this.#buckets[this.#at]?.slice() ?? []) {
      if (item.wheelBucket === this.#at) this.#visit(item)
    }
  }

  #visit(item: WheelItem): void {
    try {
      item.tick(this.now)
    } catch (error) {
      this.remove(item)
      item.broken?.()
      this.#onError(error)
    }
  }
}

function rethrow(error: unknown): never {
  throw error
}

function stepOf(interval: number, buckets: number): number {
  return Math.max(1, Math.round(interval / buckets))
}
