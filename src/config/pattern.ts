import { growthOf } from './regex/ambiguity.ts'
import { type Automaton, automatonOf } from './regex/automaton.ts'
import { parseRegex } from './regex/syntax.ts'

/** Which paths a location takes. */
export interface Pattern {
  /** Anchored at both ends; group 1 is the channel. */
  regex: RegExp
  /** The same without anchors, for comparing. */
  text: string
  automaton: Automaton
}

export type PatternResult = { pattern: Pattern; mistake?: undefined } | { mistake: string }

/**
 * The square of a path's length is a fraction of a second for the longest path that fits a request
 * head; its cube is hours.
 */
const MAX_GROWTH = 2
const NESTED =
  'a nested repetition can read the same text in many ways, as in `(a+)+`: a hostile path could stop ' +
  'the server for years. Repeat only once, or separate the repetitions, as in `a+(?:/a+)*`'
const IN_A_ROW =
  'three repetitions in a row can read the same text, as in `.+/.+/.+`: a hostile path could stop the ' +
  'server for hours. Let each take one level only, `[^/]+`'

const TOO_COMPLEX =
  'it has so many repetitions that nobody can tell how long a hostile path would take: write it with fewer'

/** Everything after a prefix is the channel; an empty one is no channel. */
export function prefixPattern(prefix: string): Pattern {
  return compile(`${prefix.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}(.+)`, '')
}

/** The pattern of a `url`, as Python or JavaScript write it; or what is wrong with it. */
export function urlPattern(url: string): PatternResult {
  const { source, flags } = fromPython(url)
  let groups: number
  try {
    groups = (new RegExp(`(?:${source})|`, flags).exec('')?.length ?? 1) - 1
    // The wrapping must not repair what is broken alone, as in `a)(?:b`.
    void new RegExp(source, flags)
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*\/[a-z]*: /s, '') : ''
    return { mistake: `this is no regular expression: ${reason.toLowerCase()}` }
  }
  if (groups !== 1) {
    const found = groups === 0 ? 'it has none' : `it has ${groups}`
    const hint =
      groups === 0
        ? 'put the channel in parentheses, as in `/pub/(.+)`'
        : 'write the others as `(?:…)`'
    return { mistake: `expected exactly one group, the channel, but ${found}; ${hint}` }
  }
  const pattern = compile(source, flags)
  const growth = growthOf(parseRegex(source, flags))
  if (Number.isNaN(growth)) return { mistake: TOO_COMPLEX }
  if (growth === Number.POSITIVE_INFINITY) return { mistake: NESTED }
  if (growth > MAX_GROWTH) return { mistake: IN_A_ROW }
  return { pattern }
}

function compile(text: string, flags: string): Pattern {
  const regex = new RegExp(`^(?:${text})$`, flags)
  return { regex, text, automaton: automatonOf(parseRegex(text, flags)) }
}

/** What Python spells in another way, outside of `[…]`. */
const PYTHON = /\\[AZ]|\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\(\?P<|\(\?P=\w+\)|\(\?#[^)]*\)/gs

/** hbpush's patterns are Python's: the same but for named groups, `\A`, `\Z`, comments and `(?i)`. */
function fromPython(url: string): { source: string; flags: string } {
  const ignoreCase = url.startsWith('(?i)')
  const source = url.slice(ignoreCase ? 4 : 0).replace(PYTHON, (piece) => {
    if (piece === '\\A') return '^'
    if (piece === '\\Z') return '$'
    if (piece === '(?P<') return '(?<'
    if (piece.startsWith('(?P=')) return `\\k<${piece.slice(4, -1)}>`
    return piece.startsWith('(?#') ? '' : piece
  })
  return { source, flags: ignoreCase ? 'i' : '' }
}
