import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Which cores the two sides of a run are bound to; undefined where nothing can be bound. */
export interface Cores {
  readonly server: number | undefined
  readonly driver: number | undefined
  /** What was decided, in words for people. */
  readonly note: string
}

/** Finds one core for servers and another for the load generator. */
export function chooseCores(): Cores {
  const unbound = { server: undefined, driver: undefined }
  if (spawnSync('taskset', ['--version']).status !== 0) {
    return {
      ...unbound,
      note: 'nothing is pinned: taskset is missing (apt-get install util-linux)',
    }
  }
  const [server, driver] = allowedCores()
  if (server === undefined || driver === undefined) {
    return { ...unbound, note: 'nothing is pinned: there is only one core, shared by both sides' }
  }
  return { server, driver, note: `server pinned to core ${server}, driver to core ${driver}` }
}

/** A command line that runs on this core. */
export function onCore(core: number | undefined, command: readonly string[]): string[] {
  return core === undefined ? [...command] : ['taskset', '-c', String(core), ...command]
}

/** The cores that this process may use, such as 0-1,4 in /proc/self/status. */
function allowedCores(): number[] {
  let list: string | undefined
  try {
    const status = readFileSync('/proc/self/status', 'latin1')
    list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1]
  } catch {
    // Not Linux: count instead.
  }
  return (list ?? `0-${availableParallelism() - 1}`).split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}
