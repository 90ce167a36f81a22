import { parseArgs } from 'node:util'
import { OURS, PEERS } from './peers/index.ts'
import type { Peer } from './peers/peer.ts'
import { SHAPES } from './shapes/index.ts'
import type { Shape } from './shapes/shape.ts'

const DEFAULT_ROUNDS = 3
const DEFAULT_SECONDS = 2
const DEFAULT_SOAK_MINUTES = 10
const QUICK_SECONDS = 3
const SMALL_ROUNDS = 1
const SMALL_SECONDS = 1

export interface Options {
  readonly shapes: readonly Shape[]
  /** Only these doors; undefined for all. */
  readonly doors: readonly string[] | undefined
  /** Ours first. */
  readonly peers: readonly Peer[]
  readonly rounds: number
  /** Whether that many were asked for, also of shapes that otherwise have fewer. */
  readonly roundsGiven: boolean
  readonly seconds: number
  readonly soakMinutes: number
  /** Only a few ratios, judged by generous bars. */
  readonly quick: boolean
  /** Smaller sizes, for a smoke test. */
  readonly small: boolean
  /** Other load generators measure two shapes. */
  readonly crossCheck: boolean
  /** What was measured before and is not now stays in the report. */
  readonly add: boolean
  /** Nothing is measured: the report of what was. */
  readonly reportOnly: boolean
  /** How long saturated readers rest after thin reads, in milliseconds; 0 for never. */
  readonly restMs: number
  readonly strict: boolean
  readonly writeDocs: boolean
  readonly docs: string | undefined
}

export const HELP = `Measures our server and its peers side by side, on this machine, in one run.

  npm run bench -- [options]

  --shape S       only these shapes (repeat, or separate by commas):
                  ${[...new Set(SHAPES.flatMap((shape) => [shape.group, shape.name]))].join(', ')}
  --door D        only these doors: ${[...new Set(SHAPES.flatMap((shape) => shape.doors))].join(', ')}
  --against P     ${OURS} and only these peers: ${PEERS.filter((peer) => peer.name !== OURS)
    .map((peer) => peer.name)
    .join(', ')}
  --rounds N      rounds of each shape (default ${DEFAULT_ROUNDS}, fewer of the long ones); medians are shown,
                  with the spread
  --seconds S     length of a measured interval (default ${DEFAULT_SECONDS})
  --soak-minutes  how long the shape soak lasts (default ${DEFAULT_SOAK_MINUTES}); it runs only when it is named
  --add           what the last report has and is not measured now stays in it: a full run in parts
  --report        measures nothing: shows the last report again, also with --write-docs
  --quick         a ratio check against redis and nchan with generous bars, for CI: under a minute
  --cross-check   two shapes by wrk and redis-benchmark beside our own load generator
  --small         a smoke test: small sizes, ${SMALL_ROUNDS} round of ${SMALL_SECONDS} s; proves no bar
  --rest MS       saturated readers rest this long after reads of single messages (default 0):
                  kinder to servers that write each message by itself; see bench/README.md
  --strict        a missed bar fails, as a lost message always does
  --write-docs    also write docs/performance.md and docs/bench/*.svg
  --docs-dir DIR  write those below DIR instead of docs
  --no-build      do not build first
  --help          this text
`

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Undefined when help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args)
  if (values.help === true) return undefined
  const quick = values.quick === true
  const small = values.small === true
  const doors = list(values.door)
  for (const door of doors) {
    if (!SHAPES.some((shape) => shape.doors.includes(door))) throw new UsageError(`no door ${door}`)
  }
  const seconds = small ? SMALL_SECONDS : quick ? QUICK_SECONDS : DEFAULT_SECONDS
  return {
    shapes: chooseShapes(list(values.shape)),
    doors: doors.length === 0 ? undefined : doors,
    peers: choosePeers(list(values.against)),
    roundsGiven: values.rounds !== undefined,
    rounds: positive('--rounds', values.rounds, small ? SMALL_ROUNDS : DEFAULT_ROUNDS),
    seconds: positive('--seconds', values.seconds, seconds),
    soakMinutes: positive('--soak-minutes', values['soak-minutes'], DEFAULT_SOAK_MINUTES),
    quick,
    small,
    crossCheck: values['cross-check'] === true,
    add: values.add === true,
    reportOnly: values.report === true,
    restMs: values.rest === undefined ? 0 : positive('--rest', values.rest, 0),
    strict: values.strict === true,
    writeDocs: values['write-docs'] === true,
    docs: values['docs-dir'],
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        shape: { type: 'string', multiple: true },
        door: { type: 'string', multiple: true },
        against: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        rest: { type: 'string' },
        'soak-minutes': { type: 'string' },
        add: { type: 'boolean' },
        report: { type: 'boolean' },
        quick: { type: 'boolean' },
        'cross-check': { type: 'boolean' },
        small: { type: 'boolean' },
        strict: { type: 'boolean' },
        'write-docs': { type: 'boolean' },
        'docs-dir': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function list(values: readonly string[] | undefined): string[] {
  return (values ?? []).flatMap((value) => value.split(',')).filter((value) => value !== '')
}

function chooseShapes(names: readonly string[]): readonly Shape[] {
  for (const name of names) {
    if (!SHAPES.some((shape) => shape.name === name || shape.group === name)) {
      throw new UsageError(`no shape ${name}`)
    }
  }
  if (names.length === 0) return SHAPES.filter((shape) => shape.onlyNamed !== true)
  return SHAPES.filter((shape) => names.includes(shape.name) || names.includes(shape.group))
}

function choosePeers(names: readonly string[]): readonly Peer[] {
  for (const name of names) {
    if (!PEERS.some((peer) => peer.name === name)) throw new UsageError(`no peer ${name}`)
  }
  if (names.length === 0) return PEERS
  return PEERS.filter((peer) => peer.name === OURS || names.includes(peer.name))
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new UsageError(`${name} needs a whole number`)
  return number
}
