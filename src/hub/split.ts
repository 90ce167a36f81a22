import type { ChannelName } from '../model/channel.ts'
import { Selectors } from '../model/selector.ts'
import { partitionOf } from '../stores/partition.ts'

/** What of a selection lies in one partition. */
export interface Split {
  readonly place: number
  readonly selectors: Selectors
}

interface Names {
  readonly channels: ChannelName[]
  readonly prefixes: string[]
  readonly patterns: string[]
}

/**
 * Takes a selection apart by partitions, in their order. A subtree lies in one, by its first level, and so
 * does a pattern whose first level is literal; everything, and any other pattern, is in each.
 */
export function split(selectors: Selectors, partitions: number): readonly Split[] {
  const { channels, prefixes, patterns, single } = selectors
  if (single !== undefined) return [{ place: partitionOf(single, partitions), selectors }]
  const places = new Map<number, Names>()
  const names = (place: number): Names => {
    let found = places.get(place)
    if (!found) places.set(place, (found = { channels: [], prefixes: [], patterns: [] }))
    return found
  }
  const eachOf = (level: string | undefined, put: (names: Names) => void): void => {
    if (level !== undefined) put(names(partitionOf(level as ChannelName, partitions)))
    else for (let place = 0; place < partitions; place++) put(names(place))
  }
  for (const channel of channels) names(partitionOf(channel, partitions)).channels.push(channel)
  for (const prefix of prefixes) {
    eachOf(prefix.includes('/') ? prefix : undefined, (found) => found.prefixes.push(prefix))
  }
  for (const pattern of patterns) {
    eachOf(firstLevel(pattern), (found) => found.patterns.push(pattern))
  }
  // Mostly all of it lies in one, and is the very selection.
  const [only] = places.keys()
  if (places.size === 1 && only !== undefined) return [{ place: only, selectors }]
  return [...places]
    .sort(([one], [other]) => one - other)
    .map(([place, found]) => ({
      place,
      selectors: new Selectors(found.channels, found.prefixes, found.patterns),
    }))
}

/** The first level of all names that a pattern matches; undefined when they may differ in it. */
export function firstLevel(pattern: string): string | undefined {
  let level = ''
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string
    if (char === '/') return level
    if (char === '*' || char === '?' || char === '[') return undefined
    // As in the glob itself: a byte behind it is meant as it stands.
    if (char === '\\' && at + 1 < pattern.length) {
      at++
      if (pattern[at] === '/') return level
    }
    level += pattern[at]
  }
  return level
}
