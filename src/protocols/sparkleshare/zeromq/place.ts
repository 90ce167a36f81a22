import { isIPv6 } from 'node:net'
import type { Place } from '../../door.ts'

/** Where a socket is found. @param address that it listens on; '' = all interfaces */
export function placeOf(what: string, address: string, port: number | string): Place {
  const any = address === '' || address === '0.0.0.0' || address === '::'
  const host = any ? 'localhost' : isIPv6(address) ? `[${address}]` : address
  return { what, where: `tcp://${host}:${port}`, address: address === '' ? '::' : address }
}
