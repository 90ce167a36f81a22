/** After how many writes the clock is looked at. */
const LOOK_EVERY = 64

export interface TurnsOptions<T> {
  /** Runs `work` once, at the end of the current loop turn. */
  readonly soon: (work: () => void) => void
  /** Comes before all else in a turn. */
  readonly first: () => void
  /** Writes what there is, or as much as there is time for. @returns whether it is done. MUST NOT throw */
  readonly flush: (one: T) => boolean
  /** Something was written. @param began on the clock of performance.now */
  readonly wrote: (began: number) => void
  /** Comes last in a turn. */
  readonly last: () => void
}

/**
 * Who has something to write at the end of the loop turn, in the order in which they came to have it. A turn
 * ends when its time is over, whoever is writing: so one message for very many keeps nobody waiting for long.
 */
export class Turns<T> {
  /** ms that one writes at most; 0: one write. */
  length: number
  readonly #options: TurnsOptions<T>
  #waiting: T[] = []
  #scheduled = false
  /** When this turn is over, on the clock of performance.now; what is written outside of one has no bound. */
  #end = Number.POSITIVE_INFINITY
  #looks = 0
  readonly #run = (): void => this.#turn()

  constructor(length: number, options: TurnsOptions<T>) {
    this.length = length
    this.#options = options
  }

  add(one: T): void {
    this.#waiting.push(one)
    this.schedule()
  }

  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#options.soon(this.#run)
  }

  /** To be asked after each write: whether the turn is over. */
  isLate(): boolean {
    if (this.#end === Number.POSITIVE_INFINITY) return false
    if (this.length > 0 && ++this.#looks % LOOK_EVERY !== 0) return false
    return performance.now() >= this.#end
  }

  #turn(): void {
    const { first, flush, wrote, last } = this.#options
    this.#scheduled = false
    first()
    const waiting = this.#waiting
    this.#waiting = []
    const began = performance.now()
    this.#end = began + this.length
    let at = 0
    // One at least, however short a turn may be. Whoever has written only a part waits behind the others.
    do {
      const one = waiting[at++]
      if (one && !flush(one)) waiting.push(one)
    } while (at < waiting.length && performance.now() < this.#end)
    this.#end = Number.POSITIVE_INFINITY
    if (waiting.length > 0) wrote(began)
    if (at < waiting.length) {
      this.#waiting = [...waiting.slice(at), ...this.#waiting]
      this.schedule()
    }
    last()
  }
}
