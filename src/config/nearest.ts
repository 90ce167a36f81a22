/**
 * The valid name nearest to what was written, or undefined when none is near. Case, `_` and `-`
 * count little: `trusted_peers` is meant to be `trustedPeers`.
 */
export function nearest(written: string, valid: Iterable<string>): string | undefined {
  const plain = simplify(written)
  if (plain === '') return undefined
  let best: string | undefined
  // About one slip in three characters: more, and the suggestion would be a guess.
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 0.5
  for (const name of valid) {
    const distance = editDistance(plain, simplify(name), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

function simplify(name: string): string {
  return name.toLowerCase().replace(/[_\-\s]/g, '')
}

/**
 * Levenshtein's distance, two neighbours swapped counting as one; Infinity when surely over `limit`.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return Number.POSITIVE_INFINITY
  let older: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (older[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    older = above
    above = row
  }
  return above[b.length] ?? Number.POSITIVE_INFINITY
}

/** "`a`, `b` or `c`" */
export function choices(names: readonly string[], conjunction = 'or'): string {
  const quoted = names.map((name) => `\`${name}\``)
  const last = quoted.pop()
  if (last === undefined) return 'nothing'
  return quoted.length === 0 ? last : `${quoted.join(', ')} ${conjunction} ${last}`
}
