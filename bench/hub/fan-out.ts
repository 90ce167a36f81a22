import { LogHub } from '../../src/hub/log-hub.ts'
import type { Encoder, Sink } from '../../src/hub/contract.ts'
import { channelFromText } from '../../src/model/channel.ts'
import type { Message } from '../../src/model/message.ts'
import { Selectors } from '../../src/model/selector.ts'
import { MemoryStore } from '../../src/stores/memory.ts'

/** The hub's hot path, without sockets: what is measured is ours alone. */
export interface FanOut {
  /** Followers of the one channel. */
  readonly sinks: number
  /** Loop turns that are measured, each with one message. */
  readonly turns: number
  /** What takes the bytes; nothing unless given. */
  readonly write?: (bytes: Buffer) => void
}

export interface FanOutCost {
  readonly deliveries: number
  readonly nanosPerDelivery: number
  /** Bytes of the heap taken for each delivery, in the median turn. */
  readonly bytesPerDelivery: number
}

const BODY = Buffer.alloc(128, 'x')
/** The store is full before anything is measured, and so of one size. */
const KEPT = 100
const WARM_UP_TURNS = 300

const encoder: Encoder = {
  key: 'bench',
  door: 'bench',
  tellsGaps: true,
  encode: (messages: readonly Message[]) => Buffer.concat(messages.map(({ body }) => body)),
}

/** Publishes to followers that do nothing, turn by turn. */
export function fanOutCost({ sinks, turns, write = () => {} }: FanOut): FanOutCost {
  const channel = channelFromText('bench')
  if (channel === undefined) throw new Error('no channel')
  let deliveries = 0
  let waiting: (() => void) | undefined
  const hub = new LogHub(new MemoryStore({ maxMessages: KEPT }), {
    soon: (work) => {
      waiting = work
    },
  })
  const sink: Sink = {
    unsent: 0,
    write(bytes) {
      deliveries++
      write(bytes)
    },
    whenSent: () => {},
    ended: () => {},
  }
  for (let i = 0; i < sinks; i++) {
    hub.follow({ selectors: Selectors.channel(channel), encoder, sink: { ...sink } })
  }
  const turn = (): void => {
    void hub.publish({ channel, body: BODY })
    const work = waiting
    waiting = undefined
    work?.()
  }
  for (let i = 0; i < WARM_UP_TURNS; i++) turn()

  // The median turn: a collection in the middle of another one does not count.
  const taken = new Float64Array(turns)
  const before = deliveries
  const begin = performance.now()
  for (let i = 0; i < turns; i++) {
    const { heapUsed } = process.memoryUsage()
    turn()
    taken[i] = process.memoryUsage().heapUsed - heapUsed
  }
  const took = performance.now() - begin
  const measured = deliveries - before
  return {
    deliveries: measured,
    nanosPerDelivery: (took * 1e6) / measured,
    bytesPerDelivery: (taken.sort()[turns >> 1] ?? Number.NaN) / sinks,
  }
}
