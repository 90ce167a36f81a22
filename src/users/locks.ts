import { FanfareError } from '../model/errors.ts'

/** What may wait for one key, and in all. */
const MOST_WAITING = 1_000
const MOST_IN_ALL = 100_000

/**
 * One thing at a time for each key: whoever looks and then acts on what it saw is not overtaken by another
 * of this process. Between nodes, facts are stated on terms instead.
 */
export class Locks {
  /** The last one in line, and how many are. */
  readonly #lines = new Map<string, { tail: Promise<unknown>; length: number }>()
  #waiting = 0

  /** Keys that somebody holds. */
  get size(): number {
    return this.#lines.size
  }

  /**
   * Does `work` when all that was asked for this key before is done, well or not. `work` must not ask for the
   * same key.
   * @throws FanfareError `too_many` when too much waits for it; what `work` throws
   */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(key) ?? { tail: Promise.resolve(), length: 0 }
    if (line.length >= MOST_WAITING || this.#waiting >= MOST_IN_ALL) {
      throw new FanfareError('too_many', 'Too much is asked for at once; try again in a moment.')
    }
    this.#lines.set(key, line)
    line.length++
    this.#waiting++
    const done = line.tail.then(work)
    line.tail = done.catch(() => {})
    try {
      return await done
    } finally {
      this.#waiting--
      if (--line.length === 0) this.#lines.delete(key)
    }
  }
}

/** Does `work` for each, at most `most` at a time. @throws the first that went wrong, after all are done */
export async function eachOf<T>(
  all: Iterable<T>,
  most: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  const rest = all[Symbol.iterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failures[0] ??= error
      }
    }
  }
  await Promise.all(Array.from({ length: most }, worker))
  if (failures.length > 0) throw failures[0]
}
