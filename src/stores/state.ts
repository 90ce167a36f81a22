import type { Histogram } from '../model/histogram.ts'

/** How a store is, as far as it knows without asking anybody: read by people and programs that look after it. */
export interface StoreState {
  /** Whether messages can be stored, as far as was last seen. */
  readonly available: boolean
  /** Messages kept; undefined: only whoever keeps them knows. */
  readonly messages?: number | undefined
  /** Bytes of those, as the store's bounds count them. */
  readonly bytes?: number | undefined
  /** Known channels, private ones included. */
  readonly channels?: number | undefined
  /** When the oldest message that is kept was published, ms since 1970; undefined: there is none. */
  readonly oldest?: number | undefined
  /** Bytes of publishes that are not answered yet. */
  readonly waitingBytes?: number | undefined
  /** Of a log in files. */
  readonly disk?: DiskState
  /** Of a store in Redis. */
  readonly redis?: LinkState
}

export interface DiskState {
  /** Files of the log. */
  readonly segments: number
  /** Bytes of those files. */
  readonly bytes: number
  /** How long the disk took to make what was written safe, in seconds. */
  readonly syncs: Histogram
  /** Batches that could not be written, and syncs that failed. */
  readonly failures: number
}

export interface LinkState {
  /** Whether Redis answers. */
  readonly up: boolean
  /** How often its connections were made anew after they had been there. */
  readonly reconnects: number
}
