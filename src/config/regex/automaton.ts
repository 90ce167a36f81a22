import type { CharSet } from './alphabet.ts'
import type { ParsedRegex, Regex } from './syntax.ts'

/**
 * An expression as a graph of positions (Glushkov's construction): each place where it reads a
 * character, and where it can go from there. An edge that can be taken for two reasons is there
 * twice: that is what makes backtracking expensive.
 */
export interface Automaton {
  /** What each position reads. */
  readonly sets: readonly CharSet[]
  readonly first: readonly number[]
  readonly follow: readonly (readonly number[])[]
  /** The positions after which the expression may end. */
  readonly last: ReadonlySet<number>
  /** Whether it matches the empty text. */
  readonly nullable: boolean
  /** False where it matches more than the expression does. */
  readonly exact: boolean
}

/** No more positions than that, however often something is to be repeated. */
const MAX_POSITIONS = 600

interface Fragment {
  first: number[]
  last: number[]
  /** In how many ways it matches nothing: none, one, or (2) several. */
  empty: number
}

const NOTHING: Fragment = { first: [], last: [], empty: 1 }

/**
 * @param maxCounted how many positions one counted repetition (`{2,40}`) may be written out into; beyond,
 * it counts as unbounded, and the result is not exact
 */
export function automatonOf(
  regex: Pick<ParsedRegex, 'tree' | 'exact'>,
  maxCounted = MAX_POSITIONS,
): Automaton {
  const builder = new Builder(maxCounted)
  const { first, last, empty } = builder.build(regex.tree)
  return {
    sets: builder.sets,
    follow: builder.follow,
    first,
    last: new Set(last),
    nullable: empty > 0,
    exact: regex.exact && builder.exact,
  }
}

class Builder {
  readonly sets: CharSet[] = []
  readonly follow: number[][] = []
  exact = true
  readonly #maxCounted: number

  constructor(maxCounted: number) {
    this.#maxCounted = maxCounted
  }

  build(regex: Regex): Fragment {
    if (regex.kind === 'repeat') return this.#repeat(regex.body, regex.min, regex.max)
    if (regex.kind === 'chars') {
      const position = this.sets.push(regex.set) - 1
      this.follow.push([])
      return { first: [position], last: [position], empty: 0 }
    }
    const parts = regex.parts.map((part) => this.build(part))
    if (regex.kind === 'sequence')
      return parts.reduce((all, part) => this.#then(all, part), NOTHING)
    return {
      first: parts.flatMap((part) => part.first),
      last: parts.flatMap((part) => part.last),
      empty: several(parts.reduce((sum, part) => sum + part.empty, 0)),
    }
  }

  #then(left: Fragment, right: Fragment): Fragment {
    for (const from of left.last) this.follow[from]?.push(...right.first)
    return {
      first: [...left.first, ...times(right.first, left.empty)],
      last: [...times(left.last, right.empty), ...right.last],
      empty: several(left.empty * right.empty),
    }
  }

  #repeat(body: Regex, min: number, max: number): Fragment {
    const size = positionsOf(body)
    // What reads nothing reads nothing more when repeated.
    const copies = size === 0 ? Math.min(1, max) : copiesOf(min, max)
    const added = copies * size
    if (copies > 1 && (added > this.#maxCounted || added + this.sets.length > MAX_POSITIONS)) {
      this.exact = false
      return this.#loop(this.build(body), min === 0)
    }
    // From the end, a(a(a)?)? and not aa?a?: there is one way only to leave the last turns out, and a
    // turn beyond the least does not count when it matches nothing.
    let rest = NOTHING
    for (let i = copies; i >= 1; i--) {
      let turn = this.build(body)
      if (i === copies && !Number.isFinite(max)) turn = this.#loop(turn, false)
      rest = this.#then(turn, rest)
      if (i > min) rest = { ...rest, empty: 1 }
    }
    return rest
  }

  #loop(body: Fragment, optional: boolean): Fragment {
    for (const from of body.last) this.follow[from]?.push(...body.first)
    return { ...body, empty: optional ? 1 : body.empty }
  }
}

/** How often the body of a repetition is written out; the last copy loops where there is no end. */
function copiesOf(min: number, max: number): number {
  return Number.isFinite(max) ? max : Math.max(1, min)
}

function several(ways: number): number {
  return Math.min(ways, 2)
}

/** A list for each way to get there; each position twice at most, which says all there is to say. */
function times(positions: readonly number[], ways: number): number[] {
  if (ways < 2) return ways === 0 ? [] : [...positions]
  return [...new Set(positions)].flatMap((position) => [position, position])
}

function positionsOf(regex: Regex): number {
  if (regex.kind === 'chars') return 1
  if (regex.kind === 'repeat') {
    return Math.min(MAX_POSITIONS + 1, copiesOf(regex.min, regex.max) * positionsOf(regex.body))
  }
  return regex.parts.reduce((sum, part) => sum + positionsOf(part), 0)
}
