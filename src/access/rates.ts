/** How much may be published in a time: token buckets for addresses, keys and channels. */
import type { ChannelName } from '../model/channel.ts'
import { RateError } from '../model/errors.ts'
import { networkOf } from '../net/connections.ts'

/** Rates as the configuration writes them (`100/s burst 500`); 0 = no bound. */
export interface PublishRates {
  readonly perAddress: 0 | string
  readonly perKey: 0 | string
  readonly perChannel: 0 | string
  /** Addresses, keys and channels that are remembered at most, of each. */
  readonly maxBuckets: number
}

/** What a rate looks like. */
const RATE = /^\s*(\d+)\s*\/\s*([smh])\s*(?:burst\s+(\d+)\s*)?$/
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

interface Rate {
  /** ms from one message to the next. */
  readonly gap: number
  /** Messages that may come at once. */
  readonly burst: number
}

/** Undefined where there is no bound. */
function rateOf(written: 0 | string): Rate | undefined {
  const [, count = '0', unit = 's', burst = count] = RATE.exec(String(written)) ?? []
  if (Number(count) === 0) return undefined
  return { gap: (UNITS[unit] ?? 1000) / Number(count), burst: Math.max(1, Number(burst)) }
}

/**
 * Buckets of one kind, each a single number: when it will be full again. The longest unused is forgotten,
 * which is as if it were full.
 */
class Buckets {
  readonly #what: string
  readonly #full = new Map<string, number>()
  #written: 0 | string = 0
  #rate: Rate | undefined

  /** @param what of whom it is, for people */
  constructor(what: string) {
    this.#what = what
  }

  /** What is written now. A change holds for all that comes, and forgets nothing. */
  bound(written: 0 | string): void {
    if (written === this.#written) return
    this.#written = written
    this.#rate = rateOf(written)
    if (!this.#rate) this.#full.clear()
  }

  /** For how long there is no room for so many, in ms; 0 or less: there is. */
  wait(key: string, count: number, now: number): number {
    const rate = this.#rate
    if (!rate) return 0
    const filled = Math.max(0, (this.#full.get(key) ?? 0) - now)
    // More than a burst goes when the bucket is full, and is owed.
    return filled - (rate.burst - Math.min(count, rate.burst)) * rate.gap
  }

  take(key: string, count: number, now: number, most: number): void {
    const rate = this.#rate
    if (!rate) return
    const filled = Math.max(now, this.#full.get(key) ?? 0)
    this.#full.delete(key)
    this.#full.set(key, filled + count * rate.gap)
    for (const oldest of this.#full.keys()) {
      if (this.#full.size <= most) break
      this.#full.delete(oldest)
    }
  }

  get size(): number {
    return this.#full.size
  }

  /** @param wait ms */
  refusal(wait: number): RateError {
    return new RateError(
      Math.max(1, Math.ceil(wait / 1000)),
      `${this.#what} may publish ${this.#written} here.`,
    )
  }
}

/** Who publishes how much. */
export class Rates {
  readonly #rates: () => PublishRates
  readonly #addresses = new Buckets('One address')
  readonly #keys = new Buckets('One key')
  readonly #channels = new Buckets('All together to one channel')

  /** @param rates as they are now; asked at each publish */
  constructor(rates: () => PublishRates) {
    this.#rates = rates
  }

  /**
   * Takes the right to publish, for messages that go together. Where one of the bounds has no room, nothing
   * is taken from any.
   * @param address of the publisher; '' when it has none
   * @param key what it has shown, by a name that does not change
   * @param now ms, on a clock that never goes back
   * @throws RateError `too_many_requests`, with how long to wait
   */
  mustPublish(
    address: string,
    key: string | undefined,
    channel: ChannelName,
    now: number = performance.now(),
    count = 1,
  ): void {
    if (!this.#bound()) return
    this.#take(address, key, [[channel, count]], now)
  }

  /**
   * The same for messages that go together to several channels: for all of them, or for none. Asked for one after the
   * other, more than a burst would never get through.
   * @param channels of each message
   */
  mustPublishAll(
    address: string,
    key: string | undefined,
    channels: readonly ChannelName[],
    now: number = performance.now(),
  ): void {
    if (!this.#bound()) return
    const counts = new Map<ChannelName, number>()
    for (const channel of channels) counts.set(channel, (counts.get(channel) ?? 0) + 1)
    this.#take(address, key, [...counts], now)
  }

  /** @returns whether there is any bound now */
  #bound(): boolean {
    const { perAddress, perKey, perChannel } = this.#rates()
    this.#addresses.bound(perAddress)
    this.#keys.bound(perKey)
    this.#channels.bound(perChannel)
    return perAddress !== 0 || perKey !== 0 || perChannel !== 0
  }

  #take(
    address: string,
    key: string | undefined,
    channels: readonly (readonly [ChannelName, number])[],
    now: number,
  ): void {
    const { maxBuckets } = this.#rates()
    const count = channels.reduce((sum, [, of]) => sum + of, 0)
    const claims: [Buckets, string, number][] = channels.map(([channel, of]) => [
      this.#channels,
      channel,
      of,
    ])
    if (address !== '') claims.push([this.#addresses, networkOf(address), count])
    if (key !== undefined) claims.push([this.#keys, key, count])
    for (const [buckets, of, messages] of claims) {
      const wait = buckets.wait(of, messages, now)
      if (wait > 0) throw buckets.refusal(wait)
    }
    for (const [buckets, of, messages] of claims) buckets.take(of, messages, now, maxBuckets)
  }

  /** How many are remembered. */
  get size(): number {
    return this.#addresses.size + this.#keys.size + this.#channels.size
  }
}
