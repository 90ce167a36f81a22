/**
 * The same stop may be told twice: a terminal tells a whole group of processes, and npm, which is one of them,
 * tells its child again. So much later a signal is another one; in ms.
 */
const SAME = 500

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const
type StopSignal = keyof typeof SIGNALS

export interface StopOptions {
  /** Hears the first signal. */
  readonly first: () => void
  /** Hears the second, with the exit code that goes with it. */
  readonly second: (code: number) => void
}

/** Listens for SIGINT and SIGTERM: one to stop, another one to stop at once. */
export function onStopSignals({ first, second }: StopOptions): void {
  let since: number | undefined
  const hear = (signal: StopSignal): void => {
    const now = performance.now()
    if (since === undefined) {
      since = now
      first()
    } else if (now - since >= SAME) second(128 + SIGNALS[signal])
  }
  process.on('SIGINT', () => hear('SIGINT'))
  process.on('SIGTERM', () => hear('SIGTERM'))
}
