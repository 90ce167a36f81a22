import type { Door, PollDoor, StreamDoor } from '../doors/door.ts'
import type { Measured } from '../driver/job.ts'
import type { ProcessTree } from '../driver/processes.ts'

/** One figure that a shape measures. */
export interface Metric {
  readonly key: string
  readonly label: string
  /** Shown after numbers in plots and column heads; may be empty. */
  readonly unit: string
  /** Which way is better, and so whether a ratio to us is shown. */
  readonly better: 'higher' | 'lower' | 'neither'
  /** Whether it gets a plot. */
  readonly plot: boolean
}

/** What a shape is given to run with, inside the driver's process. */
export interface ShapeRun {
  readonly door: Door
  /** Another one of the server's doors. */
  readonly doorNamed: (name: string) => Door
  /** The server's port of this name. */
  readonly portOf: (name: string) => number
  readonly server: ProcessTree
  /** Stops the server and starts it again; resolves once it accepts. */
  readonly restart: () => Promise<void>
  /** Length of a measured interval. */
  readonly seconds: number
  /** How long the soak lasts. */
  readonly soakMinutes: number
  /** Smaller sizes, for a smoke test. */
  readonly small: boolean
  /** How long saturated readers rest after thin reads, in milliseconds; 0 for never. */
  readonly restMs: number
}

/** A load that users know: who connects, what is published, what is measured. */
export interface Shape {
  readonly name: string
  /** Shapes of one group are chosen together by `--shape`. */
  readonly group: string
  readonly title: string
  /** What it means to a user, in a sentence or two. */
  readonly about: string
  /** The doors it can be run at, by the name that peers give them. */
  readonly doors: readonly string[]
  readonly metrics: readonly Metric[]
  /** Peers it is run against, where not all that have the door are. */
  readonly against?: readonly string[]
  /** Settings of our server, as environment variables. */
  readonly settings?: Readonly<Record<string, string>>
  /** Rounds where nobody asked for a number; the usual number unless given. */
  readonly rounds?: number
  /** Runs that may be under way at once, where the load is light and nothing is saturated. */
  readonly atOnce?: number
  /** Not part of a run of everything: only when it is named. */
  readonly onlyNamed?: boolean
  /** How long a run may take beside `seconds` and a minute, in seconds. */
  readonly lasts?: (options: { readonly soakMinutes: number; readonly small: boolean }) => number
  /** How long it usually takes beside `seconds` and connecting a few, for the first guess. */
  readonly usually?: number
  /**
   * Runs in the driver. MUST end within `seconds`, `lasts` and a minute, and account for every message.
   */
  run(run: ShapeRun): Promise<Measured>
}

export function streamDoor(run: ShapeRun): StreamDoor {
  if (run.door.kind !== 'stream') throw new Error('this shape needs a door that streams')
  return run.door
}

export function pollDoor(run: ShapeRun): PollDoor {
  if (run.door.kind !== 'poll') throw new Error('this shape needs a door that is polled')
  return run.door
}

/** The size of a measured message unless a shape is about sizes, in bytes. */
export const BODY_BYTES = 128

/** A whole number as people write it: 1,000. */
export function written(count: number): string {
  return count.toLocaleString('en-US')
}

/** How long a server may take to deliver or to answer what is left over, in milliseconds. */
export const DRAIN_MS = 15_000

/** Metrics that several shapes share. */
export const DELIVERIES: Metric = {
  key: 'deliveries',
  label: 'deliveries/s',
  unit: '/s',
  better: 'higher',
  plot: true,
}

/** What our event loop kept others waiting, and who used the cores, in percent of one. `others` is what disturbs a measurement. */
export const LOAD: readonly Metric[] = [
  { key: 'delay', label: 'loop delay p99', unit: 'ms', better: 'neither', plot: false },
  { key: 'server', label: 'server CPU', unit: '%', better: 'neither', plot: false },
  { key: 'driver', label: 'driver CPU', unit: '%', better: 'neither', plot: false },
  { key: 'others', label: "others' CPU", unit: '%', better: 'neither', plot: false },
]

const P50: Metric = { key: 'p50', label: 'p50', unit: 'ms', better: 'neither', plot: false }
const P99: Metric = { key: 'p99', label: 'p99', unit: 'ms', better: 'lower', plot: true }
const MAX: Metric = { key: 'max', label: 'max', unit: 'ms', better: 'neither', plot: false }

/** From publish to receive; only where publishers keep to the clock, whatever the server does. */
export const LATENCY: readonly Metric[] = [P50, P99, MAX]
