/** The load generator's process: takes one job by IPC, runs it, answers, and ends. */
import { once } from 'node:events'
import { peerNamed } from '../peers/index.ts'
import { shapeNamed } from '../shapes/index.ts'
import { DelayProbe } from './delay.ts'
import type { Job, Outcome, Restarted, RestartRequest } from './job.ts'
import { ProcessTree } from './processes.ts'
import { selfCheck } from './selfcheck.ts'

async function run(job: Job): Promise<Outcome> {
  const broken = selfCheck(Date.now())
  if (broken.length > 0) return { kind: 'failed', reason: `self-check: ${broken.join('; ')}` }
  const { doors } = peerNamed(job.peer)
  const doorNamed = (name: string) => {
    const door = doors[name]
    if (door === undefined) throw new Error(`${job.peer} has no door ${name}`)
    return door
  }
  const server = new ProcessTree(job.serverPid)
  const delay =
    job.delayFile === undefined ? undefined : new DelayProbe(job.delayFile, () => server.root)
  server.onMark = () => delay?.mark()
  try {
    const measured = await shapeNamed(job.shape).run({
      door: doorNamed(job.door),
      doorNamed,
      portOf: (name) => {
        const port = job.ports[name]
        if (port === undefined) throw new Error(`${job.peer} has no port ${name}`)
        return port
      },
      server,
      restart: () => restart(server),
      seconds: job.seconds,
      soakMinutes: job.soakMinutes,
      small: job.small,
      restMs: job.restMs,
    })
    const held = await delay?.worst()
    const metrics = { ...measured.metrics, delay: held?.p99 ?? Number.NaN }
    return { kind: 'measured', measured: { ...measured, metrics } }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Has whoever started the server stop it and start it again. */
async function restart(server: ProcessTree): Promise<void> {
  const request: RestartRequest = { kind: 'restart' }
  const answered = once(process, 'message')
  process.send?.(request)
  const [answer] = await answered
  server.restarted((answer as Restarted).pid)
}

// Whoever started this process is gone: so is the reason to load the server.
process.once('disconnect', () => process.exit(1))

process.once('message', (job) => {
  void run(job as Job).then((outcome) => {
    process.send?.(outcome, () => process.exit(0))
  })
})
