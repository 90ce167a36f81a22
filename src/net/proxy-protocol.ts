/**
 * The header with which a proxy says whom it speaks for, before the first byte of the connection itself:
 * HAProxy's PROXY protocol, versions 1 and 2 (proxy-protocol.txt, sections 2.1 and 2.2).
 */
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

export interface ProxyHeader {
  /** Where the connection's own bytes begin. */
  readonly end: number
  /** '' when the proxy does not say: such a peer is nobody that is trusted. */
  readonly address: string
  readonly port: number
}

/** The longest line of version 1, its CR LF included. */
const MOST_LINE = 107
/** Of version 2, whose extensions may be longer, this much is taken at most. */
const MOST_BINARY = 4096

const WORD = Buffer.from('PROXY ')
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const LINE =
  /^PROXY (?:UNKNOWN(?: .*)?|(?<family>TCP[46]) (?<from>\S+) \S+ (?<port>\d{1,5}) \d{1,5})$/

const IPV4 = 0x11
const IPV6 = 0x21
/** Nothing is said of the addresses. */
const UNSPECIFIED = 0x00

/** @returns `more` when it has not come whole, `wrong` when it is none */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  if (begins(bytes, SIGNATURE)) return readBinary(bytes)
  return begins(bytes, WORD) ? readLine(bytes) : 'wrong'
}

/** Whether they are alike as far as both go. */
function begins(bytes: Buffer, mark: Buffer): boolean {
  const length = Math.min(bytes.length, mark.length)
  return bytes.compare(mark, 0, length, 0, length) === 0
}

function readLine(bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  const end = bytes.subarray(0, MOST_LINE).indexOf('\r\n')
  if (end === -1) return bytes.length < MOST_LINE ? 'more' : 'wrong'
  const match = LINE.exec(bytes.toString('latin1', 0, end))
  if (!match) return 'wrong'
  const { family, from = '', port = '0' } = match.groups ?? {}
  if (family === undefined) return { end: end + 2, address: '', port: 0 }
  // A zone (`fe80::1%eth0`) names an interface of the proxy's machine, and the protocol has none.
  const fits = family === 'TCP4' ? isIPv4(from) : isIPv6(from) && !from.includes('%')
  if (!fits || Number(port) > 65_535) return 'wrong'
  return { end: end + 2, address: from, port: Number(port) }
}

function readBinary(bytes: Buffer): ProxyHeader | 'more' | 'wrong' {
  if (bytes.length < 16) return 'more'
  const command = bytes[12] as number
  const family = bytes[13] as number
  const end = 16 + bytes.readUInt16BE(14)
  // Version 2; LOCAL, which is the proxy's own connection, or PROXY.
  if ((command !== 0x20 && command !== 0x21) || end > MOST_BINARY) return 'wrong'
  if (bytes.length < end) return 'more'
  if (command === 0x20 || family === UNSPECIFIED) return { end, address: '', port: 0 }
  if (family === IPV4 && end >= 28) {
    return { end, address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) }
  }
  if (family !== IPV6 || end < 52) return 'wrong'
  const groups = bytes.toString('hex', 16, 32).match(/..../g) ?? []
  const { address } = new SocketAddress({ family: 'ipv6', address: groups.join(':') })
  return { end, address, port: bytes.readUInt16BE(48) }
}
