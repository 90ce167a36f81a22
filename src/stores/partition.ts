import { type ChannelName, isPrivate } from '../model/channel.ts'

const SLASH = 0x2f
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/**
 * The partition that a channel lies in, of so many. Its first level decides (up to the first `/`), so that
 * a whole subtree lies in one; a subtree's prefix, such as `a/`, is in the partition of its channels. A
 * private name has no subtree: all of it decides.
 *
 * This MUST never change: what is stored would not be found any more.
 *
 * @param partitions 1 or more
 * @returns 0 to partitions - 1
 */
export function partitionOf(channel: ChannelName, partitions: number): number {
  if (partitions === 1) return 0
  const whole = isPrivate(channel)
  let hash = FNV_OFFSET
  for (let at = 0; at < channel.length; at++) {
    const byte = channel.charCodeAt(at)
    if (byte === SLASH && !whole) break
    hash = Math.imul(hash ^ byte, FNV_PRIME)
  }
  return mixed(hash) % partitions
}

/** FNV-1a leaves the lowest bits of short names too alike: every bit has to count for them (MurmurHash3). */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
