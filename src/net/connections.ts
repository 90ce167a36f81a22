/** All connections of a server, whichever port they came by: how many there are, and what they leave unread. */
import { isIPv6, type Socket } from 'node:net'
import { unsentOf } from './straight.ts'

/** Bounds on all connections together. Names and defaults are the configuration's. */
export interface ConnectionLimits {
  readonly maxConnections: number
  /** 0 = no bound. */
  readonly maxConnectionsPerAddress: number
  readonly maxTotalUnsentBytes: number
}

/** How often some of the connections are looked at, in ms, and into how many looks a round is divided. */
const LOOK = 250
const LOOKS = 4
/** As many are looked at in one go in any case. */
const LEAST_LOOK = 4096

const counted = Symbol('counted under')
type CountedSocket = Socket & { [counted]?: string | undefined }

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #isExempt: (address: string) => boolean
  readonly #onError: (error: unknown) => void
  #size = 0
  readonly #byAddress = new Map<string, number>()
  /** Of ports that have any. */
  readonly #sets = new Set<ReadonlySet<Socket>>()
  #timer: NodeJS.Timeout | undefined
  /** Where the round stands, and what it has found. */
  #round: Iterator<Socket> | undefined
  #found = 0
  /** Connections that were refused, for want of room in all and for their address, since the start. */
  refused = 0
  refusedByAddress = 0
  /** Connections that were closed because all together left too much unread, since the start. */
  cut = 0
  /** Bytes that all connections together had not taken, when they were last looked at. */
  unsent = 0

  /**
   * @param limits read at each connection
   * @param isExempt addresses that may have any number of connections: trusted peers, and proxies
   */
  constructor(
    limits: ConnectionLimits,
    isExempt: (address: string) => boolean,
    onError: (error: unknown) => void,
  ) {
    this.#limits = limits
    this.#isExempt = isExempt
    this.#onError = onError
  }

  /** How many are open. */
  get size(): number {
    return this.#size
  }

  /** How many may be open, but for those that have room of their own. */
  get most(): number {
    return this.#limits.maxConnections
  }

  /** Whether there may be more than there are. */
  get hasRoom(): boolean {
    return this.#size < this.#limits.maxConnections
  }

  /** @returns whether there is room for one more; if so, it counts until `leave` */
  enter(): boolean {
    if (this.#size >= this.#limits.maxConnections) {
      this.refused++
      return false
    }
    this.#size++
    return true
  }

  /** One more that has room of its own, as the management's: it is never refused here. */
  enterAnyway(): void {
    this.#size++
  }

  leave(): void {
    this.#size--
  }

  /**
   * Counts a connection under its address, until `release`.
   * @param address of the peer, as it was told
   * @returns whether there is room
   */
  claim(socket: Socket, address: string): boolean {
    const most = this.#limits.maxConnectionsPerAddress
    if (most === 0 || address === '' || this.#isExempt(address)) return true
    const key = networkOf(address)
    const count = this.#byAddress.get(key) ?? 0
    if (count >= most) {
      this.refusedByAddress++
      return false
    }
    this.#byAddress.set(key, count + 1)
    ;(socket as CountedSocket)[counted] = key
    return true
  }

  release(socket: Socket): void {
    const owned: CountedSocket = socket
    const key = owned[counted]
    if (key === undefined) return
    // Not deleted: that would turn the socket into a table, which is slower and larger.
    owned[counted] = undefined
    const count = this.#byAddress.get(key) ?? 1
    if (count === 1) this.#byAddress.delete(key)
    else this.#byAddress.set(key, count - 1)
  }

  /** Connections of a port that had none. It is forgotten when it has none again. */
  watch(sockets: ReadonlySet<Socket>): void {
    this.#sets.add(sockets)
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), LOOK).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * Looks at some of the connections; after `LOOKS` of these at all of them. A write costs nothing so, and
   * a connection that takes nothing is found within a second.
   */
  look(): void {
    let left = Math.max(LEAST_LOOK, Math.ceil(this.#size / LOOKS))
    this.#round ??= this.#all()
    for (; left > 0; left--) {
      const { done, value } = this.#round.next()
      if (done) {
        this.unsent = this.#found
        this.#found = 0
        this.#round = undefined
        if (this.unsent > this.#limits.maxTotalUnsentBytes) this.#relieve()
        return
      }
      this.#found += unsentOf(value)
    }
  }

  *#all(): Generator<Socket, void> {
    for (const sockets of this.#sets) {
      if (sockets.size === 0) this.#sets.delete(sockets)
      yield* sockets
    }
  }

  /** Closes whoever leaves the most unread, until the rest is within the bound. They may come back. */
  #relieve(): void {
    const slow: { socket: Socket; unsent: number }[] = []
    let sum = 0
    for (const socket of this.#all()) {
      const unsent = unsentOf(socket)
      sum += unsent
      if (unsent > 0) slow.push({ socket, unsent })
    }
    slow.sort((a, b) => b.unsent - a.unsent)
    const most = this.#limits.maxTotalUnsentBytes
    let count = 0
    for (const { socket, unsent } of slow) {
      if (sum <= most) break
      sum -= unsent
      count++
      socket.destroy()
    }
    if (count === 0) return
    this.cut += count
    this.unsent = sum
    this.#onError(
      new Error(
        `${count} slow connections were closed: all together left more than ${most} bytes unread ` +
          '(limits.maxTotalUnsentBytes)',
      ),
    )
  }
}

/**
 * What of an address is one party's: an IPv4 address, and of IPv6 the first 64 bits, of which anybody may have
 * all addresses.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [front = '', back] = (address.split('%')[0] as string).split('::')
  const head = front === '' ? [] : front.split(':')
  const tail = back === undefined || back === '' ? [] : back.split(':')
  // An IPv4 address at the end stands for two groups.
  const groups = 8 - head.length - tail.length - (tail.at(-1)?.includes('.') ? 1 : 0)
  const zeros = back === undefined ? [] : Array.from({ length: Math.max(0, groups) }, () => '0')
  return [...head, ...zeros, ...tail]
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')
}
