import type { StreamDoor } from '../doors/door.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Publishers, prepareChannel } from '../driver/publisher.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, streamDoor, written } from './shape.ts'

const CONNECTIONS = 8000
const QUICK_CONNECTIONS = 2000
/** The server's code and its first pools are warm before the first look at its memory. */
const WARM_UP_CONNECTIONS = 200
const WARM_UP_MESSAGES = 20
/** For a server to give back what it only needed for a moment, in milliseconds. */
const SETTLE_MS = 3000

async function holdIdle(run: ShapeRun): Promise<Measured> {
  const door = streamDoor(run)
  const publishPort = run.portOf(door.publishPort)
  const warm = await openFor(run, door, WARM_UP_CONNECTIONS, 'warm')
  const problems = await publishAndReconcile(door, publishPort, [warm], WARM_UP_MESSAGES, 'warm')
  warm.close()
  const before = await settledKiB(run)

  const count = run.quick ? QUICK_CONNECTIONS : CONNECTIONS
  const some = await openFor(run, door, count / 4, 'bench')
  const between = await settledKiB(run)
  const began = performance.now()
  const others = await openFor(run, door, count - count / 4, 'bench')
  const openingSeconds = (performance.now() - began) / 1000
  const after = await settledKiB(run)

  problems.push(...(await publishAndReconcile(door, publishPort, [some, others], 1, 'bench')))
  some.close()
  others.close()
  return {
    metrics: {
      // A runtime that gives back the garbage of its start in the meantime would seem to need less
      // than it does, so the larger of two slopes counts.
      memory: Math.max((after - before) / count, (after - between) / (count - count / 4)),
      before: before / 1024,
      after: after / 1024,
      connections: count,
      opened: (count - count / 4) / openingSeconds,
    },
    problems,
  }
}

async function settledKiB(run: ShapeRun): Promise<number> {
  await sleep(SETTLE_MS)
  run.server.refresh()
  return run.server.residentKiB()
}

async function openFor(
  run: ShapeRun,
  door: StreamDoor,
  count: number,
  channel: string,
): Promise<Subscribers> {
  await prepareChannel(run.portOf(door.publishPort), door.publish.prepare(channel))
  return Subscribers.open({
    door,
    port: run.portOf(door.port),
    count,
    channelOf: () => channel,
    bodySize: BODY_BYTES,
    latencies: new Latencies(),
  })
}

/** A connection that does not hear the message was not idle, but lost. */
async function publishAndReconcile(
  door: StreamDoor,
  port: number,
  groups: readonly Subscribers[],
  messages: number,
  channel: string,
): Promise<string[]> {
  const publishers = await Publishers.open({
    form: door.publish,
    port,
    channel,
    bodySize: BODY_BYTES,
    connections: 1,
  })
  for (let i = 0; i < messages; i++) publishers.publishOne()
  await publishers.drain(DRAIN_MS)
  for (const group of groups) {
    await group.arrived(messages * group.counter.counts.length, DRAIN_MS)
  }
  publishers.close()
  const problems = groups.flatMap((group) => group.reconcile(() => messages))
  return [...publishers.problems, ...problems]
}

export const idle: Shape = {
  name: 'idle',
  group: 'idle',
  title: 'Idle: open connections and no messages',
  about: `Everybody is connected and nothing happens: how much resident memory does each of ${written(CONNECTIONS)} connections cost the server? Kernel socket buffers are not in it, for anyone. Afterwards one message must reach all of them.`,
  doors: ['sse'],
  metrics: [
    { key: 'memory', label: 'memory/connection', unit: 'KiB', better: 'lower', plot: true },
    { key: 'before', label: 'RSS before', unit: 'MiB', better: 'neither', plot: false },
    { key: 'after', label: 'RSS after', unit: 'MiB', better: 'neither', plot: false },
    { key: 'connections', label: 'connections', unit: '', better: 'neither', plot: false },
    { key: 'opened', label: 'opened/s', unit: '/s', better: 'neither', plot: false },
  ],
  run: holdIdle,
}
