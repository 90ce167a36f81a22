import type { Door, StreamDoor } from '../doors/door.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { Meter } from '../driver/meter.ts'
import { Publishers, prepareChannel } from '../driver/publisher.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import { loadOf } from './crowd.ts'
import type { Shape, ShapeRun } from './shape.ts'
import { BODY_BYTES, DRAIN_MS, LOAD, written } from './shape.ts'

const CONNECTIONS = 15_000
const SMALL_CONNECTIONS = 2000
/** The server's code and its first pools are warm before the first look at its memory. */
const WARM_UP_CONNECTIONS = 200
const WARM_UP_MESSAGES = 20
/** For a server to give back what it only needed for a moment, in milliseconds. */
const SETTLE_MS = 2000
/** A whole round of our heartbeats, and most of Socket.IO's, in milliseconds. */
const HEARTBEATS_MS = 16_000

async function holdIdle(run: ShapeRun): Promise<Measured> {
  const { door, polls } = waiting(run.door)
  const publishPort = run.portOf(door.publishPort)
  const warm = await openFor(run, door, WARM_UP_CONNECTIONS, 'warm')
  // A poll is answered once, and its client is not there for a second message.
  const messages = polls ? 1 : WARM_UP_MESSAGES
  const problems = await publishAndReconcile(door, publishPort, [warm], messages, 'warm')
  warm.close()
  const before = await settledKiB(run)

  const count = run.small ? SMALL_CONNECTIONS : CONNECTIONS
  const some = await openFor(run, door, count / 5, 'bench')
  const between = await settledKiB(run)
  const others = await openFor(run, door, count - count / 5, 'bench')
  const after = await settledKiB(run)
  const meter = new Meter(run.server, () => 1)
  await sleep(run.small ? run.seconds * 1000 : HEARTBEATS_MS)
  const interval = meter.stop()

  problems.push(...(await publishAndReconcile(door, publishPort, [some, others], 1, 'bench')))
  some.close()
  others.close()
  return {
    metrics: {
      // A runtime that gives back the garbage of its start in the meantime would seem to need less
      // than it does, so the larger of two slopes counts.
      memory: Math.max((after - before) / count, (after - between) / (count - count / 5)),
      before: before / 1024,
      after: after / 1024,
      connections: count,
      ...loadOf(interval),
    },
    problems,
  }
}

/** A door of polls as one of streams: a request that waits is an idle connection, too. */
function waiting(door: Door): { readonly door: StreamDoor; readonly polls: boolean } {
  if (door.kind === 'stream') return { door, polls: false }
  const { label, port, publishPort, publish } = door
  return {
    polls: true,
    door: {
      kind: 'stream',
      label,
      port,
      publishPort,
      publish,
      subscribe: (channel) => [{ send: door.request(channel, undefined), end: () => 0 }],
    },
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
  title: `Idle: ${written(CONNECTIONS)} open connections and no messages`,
  about: `Everybody is connected and nothing happens: how much resident memory does each connection cost the server, and how much of a core do its heartbeats take (server CPU)? Kernel socket buffers are not in it, for anyone. Afterwards one message must reach all of them. Several servers are looked at side by side here.`,
  doors: ['sse', 'websocket', 'feed', 'redis', 'longpoll', 'socketio'],
  metrics: [
    { key: 'memory', label: 'memory/connection', unit: 'KiB', better: 'lower', plot: true },
    { key: 'before', label: 'RSS before', unit: 'MiB', better: 'neither', plot: false },
    { key: 'after', label: 'RSS after', unit: 'MiB', better: 'neither', plot: false },
    { key: 'connections', label: 'connections', unit: '', better: 'neither', plot: false },
    ...LOAD.filter((metric) => metric.key !== 'others'),
  ],
  rounds: 1,
  atOnce: 3,
  usually: 32,
  lasts: () => 90,
  run: holdIdle,
}
