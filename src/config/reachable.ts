import type { PlacedLocation } from './locations.ts'
import { type Problem, problemAt } from './problems.ts'
import { SLASH } from './regex/alphabet.ts'
import type { Automaton } from './regex/automaton.ts'
import { compare } from './regex/compare.ts'
import { positionOf } from './source.ts'
import { joinPath } from './tree.ts'

/** Pairs of locations that are compared at most: more would be felt at the start. */
const MAX_PAIRS = 3000

/**
 * Warnings of locations that no request can reach, because earlier ones take all their paths, and of
 * paths that two locations claim without one being a special case of the other.
 */
export function reachability(placed: readonly PlacedLocation[]): Problem[] {
  const problems: Problem[] = []
  const leads = placed.map((location) => leadOf(location.pattern.automaton))
  let pairs = 0
  for (const [j, later] of placed.entries()) {
    const any = compare(later.pattern.automaton, [])
    if (any.complete && any.only === undefined) {
      problems.push(deadLocation(later))
      continue
    }
    const lead = leads[j] ?? ''
    const rivals = placed.slice(0, j).filter((_, i) => {
      const other = leads[i] ?? ''
      return other.startsWith(lead) || lead.startsWith(other)
    })
    pairs += rivals.length
    if (pairs > MAX_PAIRS) return problems
    problems.push(...hidden(later, rivals))
  }
  return problems
}

/** Warnings of locations that take a path which a door serves when no location does. */
export function shadowed(placed: readonly PlacedLocation[], paths: readonly string[]): Problem[] {
  return placed.flatMap((location) => {
    const taken = paths.filter((path) => location.pattern.regex.test(path))
    if (taken.length === 0) return []
    const message =
      `${location.config.source.text} takes ${taken.join(', ')}, which would otherwise be answered ` +
      'as docs/configuration.md says; narrow it if that is not meant'
    return [warn(location, message)]
  })
}

function hidden(later: PlacedLocation, rivals: readonly PlacedLocation[]): Problem[] {
  const partly: Problem[] = []
  const overlapping: PlacedLocation[] = []
  for (const earlier of rivals) {
    if (String(earlier.pattern.regex) === String(later.pattern.regex)) {
      return [sameLocation(earlier, later)]
    }
    const relation = compare(later.pattern.automaton, [earlier.pattern.automaton])
    if (relation.both === undefined) continue
    overlapping.push(earlier)
    const special = compare(earlier.pattern.automaton, [later.pattern.automaton])
    if (relation.complete && relation.only === undefined) {
      // One that is not exact may take less than it seems: nothing is claimed then.
      if (!earlier.pattern.automaton.exact) continue
      const same = later.pattern.automaton.exact && special.complete && special.only === undefined
      return [(same ? sameLocation : hiddenLocation)(earlier, later)]
    }
    // A special case in front of the general one is how locations are meant to be written.
    const meant = special.only === undefined || !special.complete
    if (!meant && matchesBoth(earlier, later, relation.both)) {
      partly.push(sharedPath(earlier, later, relation.both))
    }
  }
  if (overlapping.length > 1 && overlapping.every((earlier) => earlier.pattern.automaton.exact)) {
    const all = overlapping.map((earlier) => earlier.pattern.automaton)
    const relation = compare(later.pattern.automaton, all)
    if (relation.complete && relation.only === undefined) return [hiddenByAll(overlapping, later)]
  }
  return partly
}

/** The text that every path of this one begins with: what quickly tells most of them apart. */
function leadOf(automaton: Automaton): string {
  let lead = ''
  let next = automaton.first
  let nullable = automaton.nullable
  for (;;) {
    const position = next[0]
    if (nullable || next.length !== 1 || position === undefined) return lead
    const char = singleChar(automaton.sets[position] ?? 0n)
    if (char === undefined || lead.length > 200) return lead
    lead += char
    nullable = automaton.last.has(position)
    next = automaton.follow[position] ?? []
  }
}

/** A name for the one character in a set: its bit will do. */
function singleChar(set: bigint): string | undefined {
  return set !== 0n && (set & (set - 1n)) === 0n
    ? `${set === SLASH ? '/' : set.toString(36)},`
    : undefined
}

/** An automaton that is not exact may claim too much: the expressions themselves decide. */
function matchesBoth(earlier: PlacedLocation, later: PlacedLocation, path: string): boolean {
  return earlier.pattern.regex.test(path) && later.pattern.regex.test(path)
}

function warn(location: PlacedLocation, message: string): Problem {
  const key = location.config.url === undefined ? 'prefix' : 'url'
  const path = joinPath(joinPath('locations', location.index), key)
  return problemAt(location.at, path, message, {
    severity: 'warning',
    found: location.config.source.text,
  })
}

/** `locations[0] (subscriber /(.+), line 3)` */
function nameOf(location: PlacedLocation): string {
  const { text, line } = location.config.source
  const where = line === 0 ? 'a default' : `line ${positionOf(location.at).line}`
  return `locations[${location.index}] (${text}, ${where})`
}

function hiddenLocation(earlier: PlacedLocation, later: PlacedLocation): Problem {
  return warn(
    later,
    `${later.config.source.text} can never be reached: ${nameOf(earlier)} is tried first and takes ` +
      `every path that it takes; put locations[${later.index}] before locations[${earlier.index}]`,
  )
}

function sameLocation(earlier: PlacedLocation, later: PlacedLocation): Problem {
  return warn(
    later,
    `${later.config.source.text} can never be reached: ${nameOf(earlier)} is tried first and takes ` +
      'the same paths; change the path of one, or remove one',
  )
}

function hiddenByAll(earlier: readonly PlacedLocation[], later: PlacedLocation): Problem {
  return warn(
    later,
    `${later.config.source.text} can never be reached: ${earlier.map(nameOf).join(' and ')} are tried ` +
      `first and together take every path that it takes; put locations[${later.index}] before them`,
  )
}

function sharedPath(earlier: PlacedLocation, later: PlacedLocation, path: string): Problem {
  return warn(
    later,
    `some paths, such as ${path}, are taken by ${nameOf(earlier)} before ${later.config.source.text} ` +
      'is tried; narrow one of the two if that is not meant',
  )
}

function deadLocation(location: PlacedLocation): Problem {
  const { url, prefix = '' } = location.config
  const text = url ?? prefix
  let hint = 'a path begins with `/` and holds neither spaces nor `?` nor `#`'
  if (url === undefined && /^[^/]/.test(text) && !/[^!-~]|[?#]/.test(text)) {
    hint = `a path begins with \`/\`: write \`/${text}\``
  } else if (url === undefined && /[^!-~]|[?#]/.test(text)) {
    hint = `paths are compared as sent, percent-encoded: write \`${percentEncoded(text)}\``
  }
  return warn(location, `no request can reach ${location.config.source.text}: ${hint}`)
}

function percentEncoded(text: string): string {
  return text.replace(/[^!-~]|[?#]/gu, (char) =>
    [...Buffer.from(char)].map((b) => `%${b.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}
