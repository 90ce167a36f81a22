/** Numbers that are the same for the same seed (sfc32): what one run has found, another finds again. */
export class Random {
  #a: number
  #b: number
  #c: number
  #count = 1

  /** @param at an input's number: each has numbers of its own, so that one can be made without those before it */
  constructor(seed: number, at = 0) {
    this.#a = seed | 0
    this.#b = at | 0
    this.#c = Math.floor(at / 2 ** 32) | 0
    for (let n = 0; n < 8; n++) this.#step()
  }

  #step(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** A whole number from 0 up to and without `below`. */
  int(below: number): number {
    return this.#step() % below
  }

  /** Small ones far more often than large ones. */
  small(below: number): number {
    return this.int(this.int(below) + 1)
  }

  /** True once in so many times. */
  once(inSoMany: number): boolean {
    return this.int(inSoMany) === 0
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T
  }

  /** Any bytes, one character each. */
  bytes(length: number): string {
    let text = ''
    for (let n = 0; n < length; n++) text += String.fromCharCode(this.int(256))
    return text
  }
}
