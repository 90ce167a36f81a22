import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ: the unit of times in /proc/<pid>/stat, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/**
 * A server and all its children, as /proc shows them. Where there is no /proc, every figure is NaN.
 */
export class ProcessTree {
  #root: number
  #members: number[] = []
  /** Told when a measured interval begins and ends. */
  onMark: () => void = () => {}

  constructor(root: number) {
    this.#root = root
    this.refresh()
  }

  /** The first process. */
  get root(): number {
    return this.#root
  }

  /** It was started again, as this process. */
  restarted(root: number): void {
    this.#root = root
    this.refresh()
  }

  /** Looks for the members again; do it once the server has started its workers. */
  refresh(): void {
    const parents = new Map<number, number>()
    for (const pid of listPids()) parents.set(pid, parentOf(pid))
    const members = new Set([this.#root])
    let before = 0
    while (before !== members.size) {
      before = members.size
      for (const [pid, parent] of parents) if (members.has(parent)) members.add(pid)
    }
    this.#members = [...members]
  }

  /** CPU time used so far, user and system, in microseconds; granular to 10 ms. */
  cpuMicros(): number {
    return this.#sum((pid) => {
      const fields = statFields(pid)
      return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND
    })
  }

  /** Resident memory, in KiB. Growth of it is meaningful; shared pages count once per process. */
  residentKiB(): number {
    return this.#sum((pid) => {
      const rollup = readText(`/proc/${pid}/smaps_rollup`)
      const status = rollup === undefined ? readText(`/proc/${pid}/status`) : undefined
      const size = /^(?:Rss|VmRSS):\s*(\d+) kB/m.exec(rollup ?? status ?? '')?.[1]
      return Number(size)
    })
  }

  #sum(figureOf: (pid: number) => number): number {
    return this.#members.reduce((sum, pid) => sum + figureOf(pid), 0)
  }
}

/** CPU time that everything on this machine has used so far, a hypervisor's theft included. */
export function machineMicros(): number {
  const line = /^cpu +(.*)/m.exec(readText('/proc/stat') ?? '')?.[1] ?? ''
  const [user, nice, system, , , irq, soft, steal] = line.split(' ').map(Number)
  const ticks = [user, nice, system, irq, soft, steal]
  const sum = ticks.reduce((total: number, one) => total + (one ?? Number.NaN), 0)
  return (sum * 1e6) / TICKS_PER_SECOND
}

/**
 * Everything that was started within a session (setsid) and still runs. Who was started by it and left
 * its process group, or lost its parent, is still in it. None where there is no /proc.
 */
export function sessionMembers(session: number): number[] {
  return listPids().filter((pid) => Number(statFields(pid)[3]) === session)
}

function listPids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

function parentOf(pid: number): number {
  return Number(statFields(pid)[1])
}

/** The fields of /proc/<pid>/stat from the third on: state, parent, group, session, … , [11] utime, [12] stime. */
function statFields(pid: number): string[] {
  const text = readText(`/proc/${pid}/stat`) ?? ''
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
