import type { Message } from '../../model/message.ts'

/** Below this many places in front, moving the rest is not worth it. */
const SLACK = 1_024

/** The newest messages as they were published, so that those who are nearly live need no disk. */
export class Recent {
  readonly #max: number
  #messages: (Message | undefined)[] = []
  #start = 0
  /** The number of `#messages[#start]`. */
  #base = 0
  #bytes = 0

  /** @param max bytes of memory */
  constructor(max: number) {
    this.#max = max
  }

  /** @param number one more than the former's */
  push(number: number, message: Message): void {
    if (this.#start === this.#messages.length) this.#base = number
    this.#messages.push(message)
    this.#bytes += message.size
    while (this.#bytes > this.#max) {
      this.#bytes -= (this.#messages[this.#start] as Message).size
      this.#messages[this.#start] = undefined
      this.#start++
      this.#base++
    }
    if (this.#start > SLACK && this.#start * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#start)
      this.#start = 0
    }
  }

  get(number: number): Message | undefined {
    return number < this.#base ? undefined : this.#messages[this.#start + number - this.#base]
  }
}
