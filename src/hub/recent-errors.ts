/** Errors that are kept. */
const KEPT = 100
/** Characters of each. */
const LONGEST = 2_000

export interface RecentError {
  /** ms since 1970 */
  readonly time: number
  readonly text: string
  /** The door that it happened to, where that is known. */
  readonly door?: string | undefined
}

/** What went wrong while nobody was waiting for an answer, for people who look after the server. */
export class RecentErrors {
  readonly #errors: RecentError[] = []
  /** All since the start. */
  count = 0

  add(error: unknown, door?: string): void {
    this.count++
    const text = (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
      0,
      LONGEST,
    )
    this.#errors.push({ time: Date.now(), text, door })
    if (this.#errors.length > KEPT) this.#errors.shift()
  }

  /** Oldest first. */
  get list(): readonly RecentError[] {
    return this.#errors
  }
}
