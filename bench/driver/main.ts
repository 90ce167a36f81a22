/** The load generator's process: takes one job by IPC, runs it, answers, and ends. */
import { peerNamed } from '../peers/index.ts'
import { shapeNamed } from '../shapes/index.ts'
import type { Job, Outcome } from './job.ts'
import { ProcessTree } from './processes.ts'
import { selfCheck } from './selfcheck.ts'

async function run(job: Job): Promise<Outcome> {
  const broken = selfCheck(Date.now())
  if (broken.length > 0) return { kind: 'failed', reason: `self-check: ${broken.join('; ')}` }
  const door = peerNamed(job.peer).doors[job.door]
  if (door === undefined) return { kind: 'failed', reason: `${job.peer} has no door ${job.door}` }
  try {
    const measured = await shapeNamed(job.shape).run({
      door,
      portOf: (name) => {
        const port = job.ports[name]
        if (port === undefined) throw new Error(`${job.peer} has no port ${name}`)
        return port
      },
      server: new ProcessTree(job.serverPid),
      seconds: job.seconds,
      quick: job.quick,
      restMs: job.restMs,
    })
    return { kind: 'measured', measured }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

// Whoever started this process is gone: so is the reason to load the server.
process.once('disconnect', () => process.exit(1))

process.once('message', (job) => {
  void run(job as Job).then((outcome) => {
    process.send?.(outcome, () => process.exit(0))
  })
})
