import { bytesToText, percentDecode } from '../model/channel.ts'
import { RefusedError } from './source.ts'

/** What a URL of a protocol that is not HTTP says. */
export interface Address {
  readonly host: string
  readonly port: number
  /** The path without its first slash, percent-decoded: one character a byte. */
  readonly name: string
}

/**
 * @param port the protocol's own
 * @throws RefusedError in words
 */
export function addressOf(url: URL, port: number): Address {
  const { protocol, hostname, pathname } = url
  if (hostname === '')
    throw new RefusedError(`${protocol} URLs name a host: ${protocol}//localhost/…`)
  if (url.hash !== '') throw new RefusedError('a # in a name is written as %23')
  const name = percentDecode(pathname.replace(/^\//, ''))
  if (name === undefined) throw new RefusedError('a % in a name is written as %25')
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: url.port === '' ? port : Number(url.port), name }
}

/**
 * An address whose path must name something, and that has no query.
 * @param what the name is of: `channel` or `repository`
 * @throws RefusedError in words
 */
export function namedAddress(url: URL, port: number, what: string): Address & { text: string } {
  if (url.search !== '') throw new RefusedError('a ? in a name is written as %3F')
  const address = addressOf(url, port)
  if (address.name === '') {
    throw new RefusedError(`the URL's path names the ${what}: ${url.protocol}//${url.host}/NAME`)
  }
  return { ...address, text: bytesToText(address.name) }
}
