import { isIP } from 'node:net'
import { FanfareError } from '../model/errors.ts'
import { isLoopback, PeerList, shownAddress } from './peers.ts'

/** What trust is judged by: a request's headers, and who stands at the other end of the socket. */
export interface Credentials {
  readonly peer: string
  /** True only where none of the headers that trust looks at is there, and the host is no name of anybody's. */
  readonly plain?: boolean
  header(name: string): string | undefined
}

/** What proxies add. One that adds nothing at all cannot be told from the client it speaks for. */
const FORWARDING = [
  'x-forwarded-for',
  'forwarded',
  'via',
  'x-real-ip',
  'x-forwarded-host',
  'x-forwarded-proto',
]

/** All headers that trust looks at, but for the host: a request without them speaks for itself. */
export const TELLING: ReadonlySet<string> = new Set([...FORWARDING, 'origin', 'sec-fetch-site'])

/**
 * Who may publish: trusted peers, by address. An address alone is weak evidence, because a browser or a
 * proxy on a trusted machine speaks for others; so a request that shows signs of either is
 * judged by whom it speaks for, or not trusted at all.
 */
export class Trust {
  #peers: PeerList
  #proxies: PeerList

  constructor(trustedPeers: readonly string[], trustedProxies: readonly string[]) {
    this.#peers = new PeerList(trustedPeers)
    this.#proxies = new PeerList(trustedProxies)
  }

  /** Judges by these from now on, also what comes on connections that are open. */
  update(trustedPeers: readonly string[], trustedProxies: readonly string[]): void {
    this.#peers = new PeerList(trustedPeers)
    this.#proxies = new PeerList(trustedProxies)
  }

  /**
   * @param origins origins of pages that may publish although they are not this server's own
   * @throws FanfareError `not_trusted` or `foreign_origin`, saying why
   */
  mustPublish(request: Credentials, origins: readonly string[] = []): void {
    if (isForeign(request, origins)) throw new FanfareError('foreign_origin')
    const client = this.clientOf(request)
    if (client === undefined || !this.#peers.has(client)) throw this.refusal(request.peer, client)
  }

  /**
   * Why somebody may not publish.
   * @param client whom the peer speaks for; undefined when that cannot be known
   */
  refusal(peer: string, client: string | undefined): FanfareError {
    if (client === undefined) {
      return new FanfareError(
        'not_trusted',
        this.#proxies.has(peer)
          ? `Forwarded by ${peer}, which does not say for whom in X-Forwarded-For.`
          : `Forwarded by ${peer}, which trustedProxies does not name.`,
      )
    }
    return new FanfareError(
      'not_trusted',
      `Only trusted peers may publish without a key; trustedPeers does not name ${shownAddress(client) || 'this address'}.`,
    )
  }

  /** Whether `trustedPeers` names this address. */
  trusts(address: string): boolean {
    return this.#peers.has(address)
  }

  /** Whether `trustedProxies` names this address. */
  isProxy(address: string): boolean {
    return this.#proxies.has(address)
  }

  /**
   * Whether a request may be that of a page whose name was pointed at this machine (DNS rebinding). A browser takes
   * that page for this server's own, and says nothing of where it comes from as it reads; but the name shows, as it does
   * where a proxy of this machine lets everybody in without a word. Whoever comes from elsewhere could have come by
   * itself; and where a browser names an origin, that decides.
   * @param origins origins of pages that may ask
   */
  mayBeRebound(request: Credentials, origins: readonly string[]): boolean {
    if (request.plain || !isLoopback(request.peer) || this.#proxies.has(request.peer)) return false
    const host = request.header('host')
    if (host === undefined || !isPublicName(host)) return false
    // None of these a page that was pointed here can have its browser say as it reads.
    for (const name of TELLING) if (request.header(name) !== undefined) return false
    return !origins.some((origin) => origin === '*' || origin.replace(/^https?:\/\//, '') === host)
  }

  /**
   * The address that a request speaks for: the nearest one in front of the trusted proxies.
   * Undefined when it was forwarded by a proxy that is not trusted, or that does not say for whom.
   */
  clientOf(request: Credentials): string | undefined {
    if (request.plain) return request.peer
    const forwarded = FORWARDING.some((name) => request.header(name) !== undefined)
    if (!forwarded) return request.peer
    if (!this.#proxies.has(request.peer)) return undefined
    const chain = (request.header('x-forwarded-for') ?? '').split(',').map((part) => part.trim())
    for (const address of chain.toReversed()) {
      if (isIP(address) === 0) return undefined
      if (!this.#proxies.has(address)) return address
    }
    // Named proxies through and through: the farthest of them is who asks, say this machine itself.
    return chain[0]
  }
}

/** Names that the public DNS has none of (RFC 6761, RFC 6762, RFC 8375), which nobody far away can point here. */
const NOT_PUBLIC = /(?:^|\.)(?:localhost|test|internal|local|home\.arpa)$/

/** Whether a host is a name that anybody could have pointed here. @param host as a request says it, with its port */
export function isPublicName(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '')
  return name.includes('.') && isIP(name) === 0 && !name.startsWith('[') && !NOT_PUBLIC.test(name)
}

/**
 * Whether a request comes from a web page that is not this server's own. A page that is, has this
 * server's host as its origin; and that host is an address or localhost: a name could have been
 * pointed here by anybody (DNS rebinding).
 * @param origins origins allowed all the same
 */
export function isForeign(request: Credentials, origins: readonly string[] = []): boolean {
  if (request.plain) return false
  const origin = request.header('origin')
  if (origin === undefined) return request.header('sec-fetch-site') === 'cross-site'
  if (origins.includes(origin)) return false
  const host = request.header('host')
  const match = /^https?:\/\/(?<host>[^/]+)$/.exec(origin)
  if (host === undefined || match?.groups?.['host'] !== host) return true
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(name) === 0 && name !== 'localhost' && !name.endsWith('.localhost')
}
