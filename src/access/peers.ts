import { BlockList, isIP, isIPv6 } from 'node:net'

/** Addresses whose answer is remembered. */
const MOST_KNOWN = 1_024

/**
 * A list of addresses as the configuration writes it: single addresses, CIDR blocks, and the
 * `192.168.0.*` form of GitPubSub. An IPv4 address that comes in IPv6's clothes counts as IPv4.
 */
export class PeerList {
  readonly #list = new BlockList()
  /** What was said of addresses that were asked for of late: asking the list costs as much as storing a message. */
  readonly #known = new Map<string, boolean>()

  /** @throws TypeError for an entry that is none of the forms; the configuration checks them first */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(entry)
  }

  has(address: string): boolean {
    const known = this.#known.get(address)
    if (known !== undefined) return known
    if (this.#known.size >= MOST_KNOWN) this.#known.clear()
    const has = this.#has(address)
    this.#known.set(address, has)
    return has
  }

  #has(address: string): boolean {
    const plain = address.includes('%') ? address.slice(0, address.indexOf('%')) : address
    const family = isIP(plain)
    if (family === 0) return false
    return this.#list.check(plain, family === 6 ? 'ipv6' : 'ipv4')
  }

  #add(entry: string): void {
    const stars = /^((?:\d{1,3}\.){1,3})(?:\*\.)*\*$/.exec(entry)
    if (stars) {
      const parts = (stars[1] as string).split('.').slice(0, -1)
      const network = [...parts, '0', '0', '0'].slice(0, 4).join('.')
      this.#list.addSubnet(network, parts.length * 8, 'ipv4')
      return
    }
    if (entry === '*') {
      this.#list.addSubnet('0.0.0.0', 0, 'ipv4')
      this.#list.addSubnet('::', 0, 'ipv6')
      return
    }
    const { address = '', bits } =
      /^(?<address>[^/%]+)(?:\/(?<bits>\d{1,3}))?$/.exec(entry)?.groups ?? {}
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0) throw new TypeError(`not an address: ${entry}`)
    if (bits === undefined) this.#list.addAddress(address, family)
    else this.#list.addSubnet(address, Number(bits), family)
  }
}

const LOOPBACK = new PeerList(['127.0.0.0/8', '::1'])

/** Whether an address can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.has(address)
}

/** An address for people: IPv4 as it stands in a configuration, also where a socket of IPv6 took the connection. */
export function shownAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}
