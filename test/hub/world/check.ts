/** A client that notices by itself what must not be. */
export interface Watchful {
  /** What was wrong as it came. */
  readonly wrong: string | undefined
  /** What is wrong once all has come to rest. */
  complaint(): string | undefined
}

/** Whatever is wrong by now, before all has come to rest. */
export function check(errors: readonly unknown[], clients: readonly Watchful[]): void {
  const [error] = errors
  if (error !== undefined) throw error as Error
  for (const [index, client] of clients.entries()) {
    if (client.wrong !== undefined) throw new Error(`client ${index}: ${client.wrong}`)
  }
}

/** Whatever is wrong now that all has come to rest. */
export function checkAtRest(errors: readonly unknown[], clients: readonly Watchful[]): void {
  check(errors, clients)
  for (const [index, client] of clients.entries()) {
    const complaint = client.complaint()
    if (complaint !== undefined) throw new Error(`client ${index}: ${complaint}`)
  }
}
