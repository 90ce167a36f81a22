/** Who follows what, counted when somebody asks. */
import type { ChannelName } from '../model/channel.ts'
import type { Audience } from './audience.ts'
import type { Matcher } from './matcher.ts'
import type { Behind } from './traffic.ts'

/** Names of what a slow subscriber follows that are shown. */
const NAMES_SHOWN = 5

/** How many follow a channel, subtrees included. */
export function countReceivers(matcher: Matcher, channel: ChannelName): number {
  let count = 0
  let several: Set<Audience> | undefined
  matcher.each(channel, (audience) => {
    if (audience.selectors.size > 1) {
      // It may come twice, by its channels and by its subtrees.
      several ??= new Set()
      if (several.has(audience)) return
      several.add(audience)
    }
    count += audience.size
  })
  return count
}

export function countReceiversByDoor(matcher: Matcher, channel: ChannelName): Map<string, number> {
  const heard = new Set<Audience>()
  matcher.each(channel, (audience) => heard.add(audience))
  return countByDoor(heard)
}

export function countByDoor(audiences: Iterable<Audience>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { encoder, size } of audiences) {
    counts.set(encoder.door, (counts.get(encoder.door) ?? 0) + size)
  }
  return counts
}

export function countBehindByDoor(audiences: Iterable<Audience>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { encoder, behindCount } of audiences) {
    if (behindCount === 0) continue
    counts.set(encoder.door, (counts.get(encoder.door) ?? 0) + behindCount)
  }
  return counts
}

/** Some of those that are behind. */
export function findBehind(audiences: Iterable<Audience>, limit: number): Behind[] {
  const found: Behind[] = []
  for (const { selectors, encoder, behind } of audiences) {
    const { channels, prefixes, patterns } = selectors
    const names = [...channels, ...prefixes, ...patterns].slice(0, NAMES_SHOWN)
    for (const { sink, position } of behind) {
      if (found.length >= limit) return found
      found.push({ door: encoder.door, unsent: sink.unsent, channels: names, position })
    }
  }
  return found
}
