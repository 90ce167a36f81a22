import { Histogram } from '../model/histogram.ts'
import type { StoreState } from '../stores/state.ts'

/** How long the parts of a log's work take, in seconds. Noted once for a batch, a page or a turn. */
export class Timings {
  /** From a publish to its store's answer, of stores that are waited for. */
  readonly stored = new Histogram()
  /** Reading one page of history for those that are behind. */
  readonly read = new Histogram()
  /** Encoding and writing what came in one turn, to all that follow it. */
  readonly flush = new Histogram()
}

/** One log, for people and programs that look after it. */
export interface LogState {
  /** Which partition of its store it is, from 0. */
  readonly place: number
  readonly timings: Timings
  /** Undefined: the store does not say. */
  readonly store: StoreState | undefined
}
