import type { MarkerCounter } from './counter.ts'

/** Reads that bring fewer messages than this each are thin. */
const THIN = 2

/**
 * Makes a reader rest after each loop turn whose reads were thin, so that it takes several messages
 * at a time instead of being woken for each one.
 *
 * On loopback an eager reader makes its server pay: for waking it, and for an acknowledgement of each
 * message. A server that writes every message by itself pays most, and by how much depends on whether
 * the reader happens to lag. Rested readers are the kinder and steadier measure for such servers.
 *
 * Returns what ends it.
 */
export function restBetweenReads(counter: MarkerCounter, ms: number): () => void {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  let reads = 0
  let messages = 0
  let on = ms > 0
  const turn = (): void => {
    if (!on) return
    const thin = counter.total - messages < THIN * (counter.reads - reads)
    reads = counter.reads
    messages = counter.total
    // Not a timer: the process must be away from its poll, or each message wakes it.
    if (thin) Atomics.wait(cell, 0, 0, ms)
    setImmediate(turn)
  }
  turn()
  return () => {
    on = false
  }
}
