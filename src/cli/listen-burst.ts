import { type Notification, summaryOf } from './listen-notification.ts'

/** Lets so many notifications through in a span of time; one stands for the rest of a burst. */
export class Burst {
  readonly #show: (notification: Notification) => void
  readonly #count: number
  readonly #span: number
  /** When the last were shown, on the monotonic clock. */
  #shown: number[] = []
  #more = 0
  #channels = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  /** @param span ms */
  constructor(show: (notification: Notification) => void, count: number, span: number) {
    this.#show = show
    this.#count = count
    this.#span = span
  }

  add(notification: Notification, channel: string): void {
    const now = performance.now()
    this.#shown = this.#shown.filter((at) => now - at < this.#span)
    if (this.#more === 0 && this.#shown.length < this.#count) {
      this.#shown.push(now)
      this.#show(notification)
      return
    }
    this.#more++
    // A number of names that nobody would count.
    if (this.#channels.size < 1_000) this.#channels.add(channel)
    this.#timer ??= setTimeout(() => this.flush(), this.#span - (now - (this.#shown[0] ?? now)))
  }

  /** Shows now what stands for the rest. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#more === 0) return
    const summary = summaryOf(this.#more, this.#channels.size, 'more message')
    this.#more = 0
    this.#channels.clear()
    this.#shown.push(performance.now())
    this.#show(summary)
  }
}
