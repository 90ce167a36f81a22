/** The exit code after a failure that nobody can vouch for (EX_SOFTWARE of sysexits). */
export const BROKEN = 70

/** What a peer that has gone, or a network that fails, does to one socket: nothing else is touched by it. */
const OF_ONE_SOCKET = new Set([
  'ECONNABORTED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCONN',
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ETIMEDOUT',
])

/**
 * Says what becomes of failures that reached nobody. A promise's are contained: whoever would have gone on with
 * its result does not. What was thrown out of a callback is contained when it is one socket's; anything
 * else may have left something half done, and the process ends, for a service manager to start it again.
 * @param report logs and counts
 */
export function containFailures(report: (error: unknown) => void): void {
  process.on('unhandledRejection', report)
  process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
    if (error.code !== undefined && OF_ONE_SOCKET.has(error.code)) {
      report(error)
      return
    }
    try {
      report(error)
      console.error('fanfare: this cannot be contained: the process ends, to be started again.')
    } finally {
      process.exit(BROKEN)
    }
  })
  // A log that nobody reads any more is no reason to stop, nor can it be told of.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}
