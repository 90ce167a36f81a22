import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'
import type { Leaver, Running } from '../protocols/door.ts'
import type { Parts } from './parts.ts'

/** Between two groups that are sent to another server, in ms. */
const STEP = 10
/** So many go there in a ms, unless that takes more than half of the time there is. */
const EACH_MS = 1
/** How long others wait at most while some are sent away, in ms. */
const SLICE = 5
/** How often those that have not gone are asked again, in ms. */
const AGAIN = 50
/** How long a client whose connection was ended may take to close its half, in ms. */
const LINGER = 1_000

/**
 * Takes no more connections, and lets those there are go.
 * @returns once all have gone, or `limits.drainTimeout` is over
 */
export async function leave(parts: Parts): Promise<void> {
  const { http, limits, shared } = parts
  shared.life.draining = true
  if (limits.drainTimeout === 0) return
  const until = performance.now() + limits.drainTimeout
  http.leaving = true
  let gone = false
  const closed = closeDoors(parts).then(() => (gone = true))
  await spread(leaversOf(parts))
  const cutFrom = performance.now() + LINGER
  // Whoever was busy, or came by a connection that was still open.
  while (!gone && performance.now() < until) {
    for (const leaver of leaversOf(parts)) sendAway(leaver, shared.onError)
    if (performance.now() > cutFrom) closeEnded(parts)
    await Promise.race([closed, pause(Math.min(AGAIN, Math.max(1, until - performance.now())))])
  }

  /**
   * All at once would come to another server at once, so they go there bit by bit. Who can only wait for this one to
   * come back is told as soon as can be: the later the last is told, the longer the server is away.
   */
  async function spread(all: readonly Leaver[]): Promise<void> {
    const time = hasOthers(parts) ? Math.min(limits.drainTimeout / 2, all.length / EACH_MS) : 0
    const began = performance.now()
    for (let sent = 0; sent < all.length && performance.now() < until; ) {
      const now = performance.now()
      const share = time === 0 ? 1 : (now - began) / time
      const due = Math.min(all.length, Math.ceil(all.length * share))
      while (sent < due && performance.now() < now + SLICE) sendAway(all[sent++], shared.onError)
      // Whoever is due already waits for others only, not for the clock.
      if (sent < due) await turn()
      else if (sent < all.length) await pause(STEP)
    }
  }
}

/** Whether there may be other servers with the same messages. */
function hasOthers({ held }: Parts): boolean {
  return Object.values(held?.config.stores ?? {}).some(({ type }) => type === 'redis')
}

/** Whoever has had its last word and does not go: its machine may be gone. */
function closeEnded(parts: Parts): void {
  parts.http.closeEnded()
  for (const { listener } of runningIn(parts)) listener?.closeEnded()
}

/** Stops listening. @returns once no connection is open any more */
async function closeDoors(parts: Parts): Promise<void> {
  const { http, shared } = parts
  const doors = runningIn(parts).map(async (running) => {
    try {
      await running.drain?.()
    } catch (error) {
      shared.onError(error)
    }
  })
  await Promise.all([...doors, http.drain()])
}

/** What runs, and what it was begun anew in place of; without what stays. */
function runningIn({ carried, draining, parked }: Parts): Running[] {
  const now = [...carried.values(), ...parked.values()].flatMap(({ running }) => running ?? [])
  return [...now, ...draining.going].filter(({ staysToTheEnd }) => !staysToTheEnd)
}

/** All connections, in no order: those of one door are not the first or the last. */
function leaversOf(parts: Parts): Leaver[] {
  const { http, shared } = parts
  const all: Leaver[] = [...shared.wheel.items(), ...http.wheel.items()]
  for (const running of runningIn(parts)) all.push(...(running.leavers?.() ?? []))
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    const [one, two] = [all[at], all[other]]
    if (one && two) [all[at], all[other]] = [two, one]
  }
  return all
}

function sendAway(leaver: Leaver | undefined, onError: (error: unknown) => void): void {
  try {
    leaver?.leave?.()
  } catch (error) {
    onError(error)
  }
}
