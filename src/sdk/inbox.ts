import type { Followed } from './messages.ts'

/** Something that came, and where to go on from when it has been read. */
interface Waiting {
  readonly item: Followed
  readonly cursor: string | undefined
  /** Characters that it came in. */
  readonly size: number
}

/** Characters that wait at most, whatever their number of messages. */
const MAX_CHARACTERS = 2 ** 23

/**
 * What has come and was not read yet: a bounded queue between a connection and a loop. Whoever fills it
 * stops where it is full; only what came in one piece with the last may lie above the bound.
 */
export class Inbox {
  readonly #max: number
  #waiting: Waiting[] = []
  #characters = 0
  #ended = false
  #error: Error | undefined
  /** Who waits for something to change. */
  #wake: (() => void)[] = []
  /** Where to go on from after what has been read. */
  read: string | undefined
  /** Where to go on from after what has come. */
  reached: string | undefined

  /** @param max messages that wait at most */
  constructor(max: number) {
    this.#max = max
  }

  get full(): boolean {
    return this.#waiting.length >= this.#max || this.#characters >= MAX_CHARACTERS
  }

  /** @param cursor undefined: as before */
  give(item: Followed, cursor: string | undefined, size: number): void {
    if (this.#ended) return
    this.reached = cursor ?? this.reached
    this.#waiting.push({ item, cursor: this.reached, size })
    this.#characters += size
    this.#stir()
  }

  /** Everything up to here has come, or is not followed. */
  stand(cursor: string): void {
    this.reached = cursor
    if (this.#waiting.length === 0) this.read = cursor
  }

  /** The next one, once there is one; undefined at the end. @throws what it was ended with */
  async take(): Promise<Followed | undefined> {
    for (;;) {
      const next = this.#waiting.shift()
      if (next) {
        this.#characters -= next.size
        this.read = next.cursor
        this.#stir()
        return next.item
      }
      if (this.#ended) {
        const error = this.#error
        // Told once: who asks again is told that it has ended.
        this.#error = undefined
        if (error) throw error
        return undefined
      }
      await this.#change()
    }
  }

  /** Waits until half of it is free again, or it has ended. */
  async room(): Promise<void> {
    const busy = (): boolean =>
      this.#waiting.length > this.#max / 2 || this.#characters > MAX_CHARACTERS / 2
    while (!this.#ended && busy()) await this.#change()
  }

  /** Nothing more comes: what waits is still given, and then the error. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#stir()
  }

  /** Nothing more is given. */
  close(): void {
    this.#ended = true
    this.#waiting = []
    this.#error = undefined
    this.#stir()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resolve of wake) resolve()
  }
}
