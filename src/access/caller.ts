import type { Grants } from './grants.ts'
import { shownAddress } from './peers.ts'

/** By what it is known who asks. */
export type CallerKind = 'trusted' | 'key' | 'jwt' | 'session' | 'webhook' | 'hook' | 'anonymous'

/** Who asks for something, and what that one may do. */
export interface Caller {
  readonly kind: CallerKind
  /** For people: an address, the name of a key or a hook, the id of a user. */
  readonly name: string
  readonly grants: Grants
  /** Whose id `{user}` is in rules. */
  readonly user?: string | undefined
  /** When this ends, in ms since 1970; undefined: never. */
  readonly expires?: number | undefined
  /** The id of its key, by which it is found out whether that still holds. */
  readonly key?: string
  /** The address at the other end of the socket, whoever that speaks for. */
  readonly peer?: string
  /** The address that it speaks for; undefined where a proxy that is not believed has forwarded it. */
  readonly client?: string | undefined
  /** It is, or may be, a web page that is not this server's own: such a one publishes nothing. */
  readonly foreign?: boolean
}

/** In words: `the key ci`. */
export function shownCaller({ kind, name, client }: Caller): string {
  switch (kind) {
    case 'key':
      return `the key ${JSON.stringify(name)}`
    case 'jwt':
    case 'session':
    case 'hook':
      return `the user ${JSON.stringify(name.slice(0, 80))}`
    case 'webhook':
      return `the webhook ${name}`
    case 'trusted':
      return `the trusted peer ${shownAddress(name)}`
    case 'anonymous':
      return `whoever shows no key (${shownAddress(client || name) || 'an address that is not known'})`
    default:
      return kind satisfies never
  }
}
