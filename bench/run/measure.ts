import { join } from 'node:path'
import type { Job, Outcome, Restarted, RestartRequest } from '../driver/job.ts'
import type { Running } from '../peers/peer.ts'
import type { Cores } from './cores.ts'
import { Launched } from './launch.ts'
import { BENCH, ROOT } from './paths.ts'
import type { Planned } from './plan.ts'

/** What a run may take beyond its measured seconds before it is given up, in milliseconds. */
const PATIENCE_MS = 90_000

/** How one run went. */
export interface Run {
  readonly shape: string
  readonly door: string
  readonly peer: string
  readonly round: number
  readonly version: string
  /** By metric key; empty when nothing was measured. */
  readonly metrics: Readonly<Record<string, number>>
  /** Any of them fails the whole benchmark. */
  readonly problems: readonly string[]
}

export interface MeasureOptions {
  readonly cores: Cores
  readonly seconds: number
  readonly soakMinutes: number
  readonly small: boolean
  readonly restMs: number
}

/** Starts the server, loads it from a driver process of its own, and stops both. */
export async function measure(planned: Planned, options: MeasureOptions): Promise<Run> {
  const { shape, door, peer, round } = planned
  const base = { shape: shape.name, door, peer: peer.name, round }
  let server: Running | undefined
  try {
    server = await peer.start(options.cores.server, door, shape.settings, shape.name)
    const job: Job = {
      peer: peer.name,
      door,
      shape: shape.name,
      ports: server.ports,
      serverPid: server.pid,
      delayFile: server.delayFile,
      seconds: options.seconds,
      soakMinutes: options.soakMinutes,
      small: options.small,
      restMs: options.restMs,
    }
    const outcome = await drive(job, server, options, shape.lasts?.(options) ?? 0)
    const version = server.version
    if (outcome.kind === 'failed') {
      return { ...base, version, metrics: {}, problems: [outcome.reason, ...lastWords(server)] }
    }
    const { metrics, problems } = outcome.measured
    const words = problems.length === 0 ? [] : lastWords(server)
    return { ...base, version, metrics, problems: [...problems, ...words] }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...base, version: server?.version ?? '?', metrics: {}, problems: [reason] }
  } finally {
    await server?.stop()
  }
}

/** Runs one job in a driver process. @param lasts what the shape takes beyond all that, in seconds */
async function drive(
  job: Job,
  server: Running,
  options: MeasureOptions,
  lasts: number,
): Promise<Outcome> {
  const driver = Launched.start({
    command: [process.execPath, join(BENCH, 'driver/main.js')],
    core: options.cores.driver,
    cwd: ROOT,
    ipc: true,
  })
  const budget = (options.seconds + lasts) * 1000 + PATIENCE_MS
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<Outcome>((resolve) => {
      const fail = (reason: string): void => resolve({ kind: 'failed', reason })
      timer = setTimeout(() => fail(`not done after ${Math.round(budget / 1000)} s`), budget)
      driver.child.once('error', (error) => fail(error.message))
      driver.child.on('message', (said) => {
        const message = said as Outcome | RestartRequest
        if (message.kind !== 'restart') resolve(message)
        else {
          server.restart().then(
            () => {
              const answer: Restarted = { kind: 'restarted', pid: server.pid }
              driver.child.send(answer)
            },
            (error: Error) => fail(`the server was not started again: ${error.message}`),
          )
        }
      })
      driver.child.once('close', (code) => fail(`the driver ended (${code}):\n${driver.output}`))
      driver.child.send(job)
    })
  } finally {
    clearTimeout(timer)
    driver.kill()
  }
}

function lastWords(server: Running): string[] {
  const words = server.lastWords().trim()
  return words === '' ? [] : [`the server's last words:\n${words}`]
}
