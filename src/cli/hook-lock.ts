import { open, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** A lock that is older than this is what a killed process left, in ms. */
const STALE = 5_000
/** How long to wait for one, in ms. Under it a few milliseconds of work are done. */
const PATIENCE = 700
const PAUSE = 10

/**
 * Does something while no other process does it, by a file that only one can create. When the lock
 * cannot be had it is done all the same: events that may be out of order are better than none.
 */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const isOurs = await take(path)
  try {
    return await work()
  } finally {
    if (isOurs) await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  const end = performance.now() + PATIENCE
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.close()
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > STALE) await rm(path, { force: true })
    else if (performance.now() > end) return false
    else await sleep(PAUSE)
  }
}
