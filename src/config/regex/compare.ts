import { type CharSet, classesOf, NO_CHARS, sample, SLASH } from './alphabet.ts'
import type { Automaton } from './automaton.ts'

/** How the paths of one expression lie to those of others. Each path given is a shortest example. */
export interface Comparison {
  /** A path that both match. */
  both?: string
  /** A path that only the first matches. */
  only?: string
  /** False when the search was given up: what was not found may still exist. */
  complete: boolean
}

/** Far more than sensible expressions need, and some ten milliseconds at the most. */
const MAX_STEPS = 20_000

const START = -1

interface State {
  /** Where the first is, in one reading. */
  position: number
  /** Where the others may be, in all their readings; sorted. */
  others: readonly number[]
  from: State | undefined
  char: string
}

/**
 * Compares the paths of `one` with those that any of `others` matches, by following both at once over
 * every text, shortest first. Only paths count: they begin with `/`.
 */
export function compare(one: Automaton, others: readonly Automaton[]): Comparison {
  const other = union(others)
  const classes = classesOf([SLASH, ...one.sets, ...other.sets])
  const samples = classes.map(sample)
  const result: Comparison = { complete: true }
  const seen = new Set<string>()
  const queue: State[] = [{ position: START, others: [START], from: undefined, char: '' }]
  let steps = 0
  for (let i = 0; i < queue.length; i++) {
    const state = queue[i] as State
    if (state.position !== START && one.last.has(state.position)) {
      const shared = state.others.some((position) => other.last.has(position))
      if (shared) result.both ??= pathOf(state)
      else result.only ??= pathOf(state)
      if (result.both !== undefined && result.only !== undefined) return result
    }
    for (const [c, chars] of classes.entries()) {
      if (state.position === START && chars !== SLASH) continue
      const theirs = step(other, state.others, chars)
      const theirKey = theirs.join()
      for (const position of step(one, [state.position], chars)) {
        if (++steps > MAX_STEPS) return { ...result, complete: false }
        const key = `${position}:${theirKey}`
        if (seen.has(key)) continue
        seen.add(key)
        queue.push({ position, others: theirs, from: state, char: samples[c] ?? '' })
      }
    }
  }
  return result
}

/** Where one goes from any of these positions by a character of this class. */
function step(automaton: Automaton, from: readonly number[], chars: CharSet): number[] {
  const next = new Set<number>()
  for (const position of from) {
    const follow = position === START ? automaton.first : (automaton.follow[position] ?? [])
    for (const to of follow) {
      if (((automaton.sets[to] ?? NO_CHARS) & chars) !== NO_CHARS) next.add(to)
    }
  }
  return [...next].sort((a, b) => a - b)
}

/** One automaton for what any of several matches. */
function union(automata: readonly Automaton[]): Automaton {
  const sets: CharSet[] = []
  const first: number[] = []
  const follow: number[][] = []
  const last = new Set<number>()
  for (const automaton of automata) {
    const base = sets.length
    sets.push(...automaton.sets)
    first.push(...automaton.first.map((position) => position + base))
    follow.push(...automaton.follow.map((to) => to.map((position) => position + base)))
    for (const position of automaton.last) last.add(position + base)
  }
  const nullable = automata.some((automaton) => automaton.nullable)
  return { sets, first, follow, last, nullable, exact: automata.every(({ exact }) => exact) }
}

function pathOf(state: State): string {
  let path = ''
  for (let at: State | undefined = state; at; at = at.from) path = at.char + path
  return path
}
