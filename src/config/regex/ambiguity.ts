import { ALL_CHARS, type CharSet, NO_CHARS } from './alphabet.ts'
import { type Automaton, automatonOf } from './automaton.ts'
import type { ParsedRegex, Regex } from './syntax.ts'

/** More steps than any sensible expression takes. */
const MAX_STEPS = 400_000

/** A count above that is as bad as no bound: `(a{1,30}){1,30}` outlives the server as well. */
const MAX_COUNTED = 40

/**
 * How the time of a backtracking matcher grows with the length of the text, at worst: with which power
 * of it, or exponentially (Infinity).
 *
 * What makes it grow are several ways to read the same text: from a position back to itself (`(a+)+`:
 * 2^n ways), or from one loop into the next (`a+a+a+`: n^2 ways, of n steps each). A repetition inside a
 * repetition alone is no harm: in `(?:/[^/]+)+` each turn needs its slash.
 * @returns NaN for an expression that is too complex to tell
 */
export function growthOf({ tree, exact, lookarounds }: ParsedRegex): number {
  const growth = growthOfTree(tree, exact)
  const within = lookarounds.map((one) => {
    const own = growthOfTree(one.tree, false)
    return one.repeated ? growth + own : own
  })
  return Math.max(growth, ...within)
}

function growthOfTree(tree: Regex, exact: boolean): number {
  const search = new Search(automatonOf({ tree, exact }, MAX_COUNTED))
  if (search.isExponential()) return Number.POSITIVE_INFINITY
  const degree = search.degree()
  return search.gaveUp ? Number.NaN : degree
}

/** Readers of the same text: where each is, and (in a move) over which of its edges it came. */
interface Move {
  readonly to: readonly number[]
  readonly edges: readonly number[]
}

class Search {
  readonly #automaton: Automaton
  /** Without what no path has, and so nothing leads through. */
  readonly #follow: readonly (readonly number[])[]
  readonly #reached: readonly ReadonlySet<number>[]
  /** For each position the ones that it reaches and that reach it; empty when it is in no loop. */
  readonly #loops: readonly ReadonlySet<number>[]
  #steps = 0

  constructor(automaton: Automaton) {
    this.#automaton = automaton
    const { sets } = automaton
    const follow = automaton.follow.map((next) => next.filter((to) => sets[to] !== NO_CHARS))
    this.#follow = follow
    this.#reached = follow.map((_, start) => reach(start, (position) => follow[position] ?? []))
    this.#loops = this.#reached.map(
      (reached, start) =>
        new Set([...reached].filter((position) => this.#reached[position]?.has(start))),
    )
  }

  /** Not everything was looked at. */
  get gaveUp(): boolean {
    return this.#steps > MAX_STEPS
  }

  /** Whether two readers can part at some position and meet there again over the same text. */
  isExponential(): boolean {
    return this.#loops.some((loop, start) => loop.size > 0 && this.#partsAndMeets(start, loop))
  }

  #partsAndMeets(start: number, loop: ReadonlySet<number>): boolean {
    const seen = new Set<string>()
    const open = [{ at: [start, start], parted: false }]
    for (let state = open.pop(); state; state = open.pop()) {
      const { at, parted } = state
      for (const { to, edges } of this.#moves(at)) {
        if (!to.every((position) => loop.has(position))) continue
        // The same position over another edge is another way as well.
        const forked = to[0] !== to[1] || (at[0] === at[1] && edges[0] !== edges[1])
        const next = { at: [...to], parted: parted || forked }
        if (next.parted && to.every((position) => position === start)) return true
        const key = `${to.join()} ${next.parted}`
        if (seen.has(key)) continue
        seen.add(key)
        open.push(next)
      }
    }
    return false
  }

  /** The longest chain of loops of which each can hand over to the next at many places of a text. */
  degree(): number {
    const heads = [...this.#loops.keys()].filter((position) => {
      const loop = this.#loops[position]
      return loop !== undefined && loop.size > 0 && Math.min(...loop) === position
    })
    // A loop that leads to another reaches all that the other does, and more: earlier ones first.
    const reaches = (head: number): number => this.#reached[head]?.size ?? 0
    heads.sort((a, b) => reaches(b) - reaches(a))
    const degrees = new Map<number, number>()
    for (const head of heads) {
      let degree = 1
      for (const [earlier, before] of degrees) {
        if (before >= degree && this.#handsOver(earlier, head)) degree = before + 1
      }
      degrees.set(head, degree)
    }
    return Math.max(0, ...degrees.values())
  }

  /** Whether one text leads around one loop, from it into another, and around that one. */
  #handsOver(from: number, to: number): boolean {
    if (!this.#reached[from]?.has(to)) return false
    for (const p of this.#loops[from] ?? []) {
      for (const q of this.#loops[to] ?? []) if (this.#bridges(p, q)) return true
    }
    return false
  }

  #bridges(p: number, q: number): boolean {
    const seen = new Set<string>()
    const open: (readonly number[])[] = [[p, p, q]]
    for (let at = open.pop(); at; at = open.pop()) {
      for (const { to } of this.#moves(at)) {
        const [first = 0, between = 0, second = 0] = to
        if (!this.#loops[p]?.has(first) || !this.#loops[q]?.has(second)) continue
        if (between !== q && !this.#reached[between]?.has(q)) continue
        if (first === p && between === q && second === q) return true
        const key = to.join()
        if (seen.has(key)) continue
        seen.add(key)
        open.push(to)
      }
    }
    return false
  }

  /** Where readers can be after one more character that all of them read. */
  *#moves(at: readonly number[]): Generator<Move> {
    let moves: (Move & { shared: CharSet })[] = [{ to: [], edges: [], shared: ALL_CHARS }]
    for (const position of at) {
      const longer: typeof moves = []
      for (const move of moves) {
        for (const [edge, next] of (this.#follow[position] ?? []).entries()) {
          if (++this.#steps > MAX_STEPS) return
          const shared = move.shared & (this.#automaton.sets[next] ?? NO_CHARS)
          if (shared === NO_CHARS) continue
          longer.push({ to: [...move.to, next], edges: [...move.edges, edge], shared })
        }
      }
      moves = longer
    }
    yield* moves
  }
}

/** Every position that `start` leads to; itself only over a loop. */
function reach(start: number, next: (position: number) => readonly number[]): Set<number> {
  const found = new Set<number>()
  const open = [start]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const to of next(at)) {
      if (found.has(to)) continue
      found.add(to)
      open.push(to)
    }
  }
  return found
}
