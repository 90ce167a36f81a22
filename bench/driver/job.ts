/** What the two processes of a run say to each other. */

/** One run: a shape, at a door of a running server. */
export interface Job {
  readonly peer: string
  readonly door: string
  readonly shape: string
  /** The server's ports by name. */
  readonly ports: Readonly<Record<string, number>>
  /** The server's first process; its children count as well. */
  readonly serverPid: number
  /** Length of a measured interval. */
  readonly seconds: number
  /** Smaller sizes, for a smoke test. */
  readonly quick: boolean
  /** How long saturated readers rest after thin reads, in milliseconds; 0 for never. */
  readonly restMs: number
}

/** What a shape measured. */
export interface Measured {
  /** By the shape's metric keys; NaN where this machine cannot tell. */
  readonly metrics: Readonly<Record<string, number>>
  /** Losses, doubles, disorder, broken connections: any of them fails the run. */
  readonly problems: readonly string[]
}

/** What the driver answers. An error is a problem, too: nothing was measured. */
export type Outcome =
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'failed'; readonly reason: string }
