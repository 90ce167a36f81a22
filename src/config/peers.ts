import { isIP, isIPv4 } from 'node:net'

/** What a peer may be written as, for messages. */
export const PEER_FORMS =
  'an address (`127.0.0.1`, `::1`), a block (`10.0.0.0/8`, `fd00::/8`) or a wildcard (`192.168.0.*`)'

/** Splits GitPubSub's one text of several peers; commas are what people write in variables. */
export function splitPeers(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

/** Why one entry of trustedPeers or trustedProxies is wrong, '' for no known reason; undefined when it is right. */
export function peerMistake(text: string): string | undefined {
  if (isIP(text) !== 0) {
    // A zone (`fe80::1%eth0`) names an interface of this machine: no peer can be compared with it.
    return text.includes('%') ? 'an address here has no zone (`%…`)' : undefined
  }
  if (text.includes('*')) return wildcardMistake(text)
  const slash = text.indexOf('/')
  if (slash !== -1) return blockMistake(text.slice(0, slash), text.slice(slash + 1))
  if (/[a-z]/i.test(text) && !text.includes(':')) {
    return 'host names are not looked up here; write the address'
  }
  return ''
}

function blockMistake(address: string, bits: string): string | undefined {
  const family = isIP(address)
  if (family === 0 || address.includes('%')) return `\`${address}\` is not an address`
  const most = family === 4 ? 32 : 128
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) {
    return `the length of an IPv${family} block is 0 to ${most}`
  }
  return undefined
}

/** `192.168.0.*`, `192.168.*.*` and the shorter `192.168.*`: stars only at the end. */
function wildcardMistake(text: string): string | undefined {
  if (text.includes(':')) return 'wildcards are for IPv4; write an IPv6 block (`fd00::/8`)'
  if (text === '*') return 'write `0.0.0.0/0` and `::/0` to trust everyone'
  const parts = text.split('.')
  const stars = parts.findIndex((part) => part === '*')
  const numbers = stars === -1 ? parts : parts.slice(0, stars)
  const tail = stars === -1 ? [] : parts.slice(stars)
  const filled = [...numbers, '0', '0', '0', '0'].slice(0, 4).join('.')
  if (parts.length > 4 || stars < 1 || tail.some((part) => part !== '*') || !isIPv4(filled)) {
    return 'a wildcard stands for whole numbers at the end, as in `192.168.0.*` or `192.168.*`'
  }
  return undefined
}
