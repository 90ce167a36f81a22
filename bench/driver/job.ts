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
  /** Where a server of Node's writes how long its event loop was held up; undefined for others. */
  readonly delayFile: string | undefined
  /** Length of a measured interval. */
  readonly seconds: number
  /** How long the soak lasts, in minutes. */
  readonly soakMinutes: number
  /** Smaller sizes, for a smoke test. */
  readonly small: boolean
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

/** What the driver asks for in the middle of a run: that the server is stopped and started again. */
export interface RestartRequest {
  readonly kind: 'restart'
}

/** It was, and accepts connections. */
export interface Restarted {
  readonly kind: 'restarted'
  readonly pid: number
}

/** What the driver answers. An error is a problem, too: nothing was measured. */
export type Outcome =
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'failed'; readonly reason: string }
