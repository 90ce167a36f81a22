import { setTimeout as pause } from 'node:timers/promises'
import type { Leaver, Running } from '../protocols/door.ts'
import type { Parts } from './parts.ts'

/** Between two groups that are sent elsewhere, in ms. */
const STEP = 10
/**
 * So many connections leave in a ms, unless that takes more than half of the time there is: where they may go to
 * another server, few, so that they come there bit by bit; where they wait for this one to come back, as many as
 * can be told without keeping anybody waiting.
 */
const EACH_MS = { elsewhere: 1, nowhere: 10 }
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
  const rate = hasOthers(parts) ? EACH_MS.elsewhere : EACH_MS.nowhere
  await spread(leaversOf(parts), limits.drainTimeout / 2)
  const cutFrom = performance.now() + LINGER
  // Whoever was busy, or came by a connection that was still open.
  while (!gone && performance.now() < until) {
    for (const leaver of leaversOf(parts)) sendAway(leaver, shared.onError)
    if (performance.now() > cutFrom) closeEnded(parts)
    await Promise.race([closed, pause(Math.min(AGAIN, Math.max(1, until - performance.now())))])
  }

  /** A few at a time: all at once would come back to another server at once. */
  async function spread(all: readonly Leaver[], longest: number): Promise<void> {
    const time = Math.min(longest, all.length / rate)
    const began = performance.now()
    for (let sent = 0; sent < all.length; ) {
      const share = time === 0 ? 1 : (performance.now() - began) / time
      const due = Math.min(all.length, Math.ceil(all.length * share))
      for (; sent < due; sent++) sendAway(all[sent], shared.onError)
      if (sent < all.length) await pause(STEP)
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
