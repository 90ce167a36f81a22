import type { Step } from '../doors/door.ts'
import type { Measured } from '../driver/job.ts'
import { Latencies } from '../driver/latency.ts'
import { type Interval, Meter } from '../driver/meter.ts'
import { prepareChannel, Publishers } from '../driver/publisher.ts'
import { restBetweenReads } from '../driver/rest.ts'
import type { Numbering } from '../driver/sample.ts'
import { Subscribers } from '../driver/subscribers.ts'
import { sleep } from '../driver/wait.ts'
import { BODY_BYTES, DRAIN_MS, type ShapeRun, streamDoor } from './shape.ts'

/** Publishes under way at once when saturated, and the connections they share, pipelined. */
export const UNDER_WAY = 64
export const PUBLISHERS = 4
/** The same where the server drops what is too much, or answers nothing, so that deliveries are waited for. */
const UNDER_WAY_BY_DELIVERY = 256
/** Long enough for a JIT to settle and buffers to find their size, in milliseconds. */
export const WARM_UP_MS = 1500
/** Between the last handshake and the first message, in milliseconds. */
const SETTLE_MS = 200

export interface CrowdOptions {
  readonly count: number
  /** The channel that a subscriber follows; its name in `reconcile`. */
  readonly channelOf: (index: number) => string
  /** How it subscribes; by the door's `subscribe` unless given. */
  readonly stepsOf?: (index: number) => readonly Step[]
  /** Which numbers a subscriber sees, where it does not see all. */
  readonly numberingOf?: (index: number) => Numbering
  /** Published to in turn, all equally long; that of the first subscriber unless given. */
  readonly channels?: readonly string[]
  readonly oneSequence?: boolean
  readonly bodySize?: number
  /** Publishing connections. */
  readonly connections?: number
  /** Subscribers that get each message. */
  readonly each: number
  /** Publishers wait for deliveries, with at most so many messages under way. */
  readonly window?: number
}

/** Subscribers and publishers of one server: what most shapes are made of. */
export class Crowd {
  readonly subscribers: Subscribers
  readonly publishers: Publishers
  readonly latencies: Latencies
  readonly #run: ShapeRun
  readonly #options: CrowdOptions
  #reads = 0
  #messages = 0

  private constructor(
    run: ShapeRun,
    options: CrowdOptions,
    subscribers: Subscribers,
    publishers: Publishers,
    latencies: Latencies,
  ) {
    this.#run = run
    this.#options = options
    this.subscribers = subscribers
    this.publishers = publishers
    this.latencies = latencies
  }

  static async gather(run: ShapeRun, options: CrowdOptions): Promise<Crowd> {
    const door = streamDoor(run)
    const publishPort = run.portOf(door.publishPort)
    const { channels, channelOf, bodySize = BODY_BYTES } = options
    if (channels === undefined)
      await prepareChannel(publishPort, door.publish.prepare(channelOf(0)))
    const latencies = new Latencies()
    const subscribers = await Subscribers.open({
      door,
      port: run.portOf(door.port),
      count: options.count,
      channelOf,
      ...(options.stepsOf === undefined ? {} : { stepsOf: options.stepsOf }),
      ...(options.numberingOf === undefined ? {} : { numberingOf: options.numberingOf }),
      bodySize,
      latencies,
    })
    const publishers = await Publishers.open({
      form: door.publish,
      port: publishPort,
      channel: channelOf(0),
      ...(channels === undefined ? {} : { channels }),
      bodySize,
      oneSequence: options.oneSequence === true,
      connections: options.connections ?? PUBLISHERS,
    })
    await sleep(SETTLE_MS)
    return new Crowd(run, options, subscribers, publishers, latencies)
  }

  /** Publishes as much as is taken, from now on. */
  saturate(): void {
    const { publishers, subscribers } = this
    const { each, window } = this.#options
    const { drops, publish, underWay = UNDER_WAY_BY_DELIVERY } = streamDoor(this.#run)
    const unheard = drops === true || publish.unanswered === true
    const bound = window ?? (unheard ? underWay : undefined)
    if (bound === undefined) publishers.saturate(UNDER_WAY)
    else {
      publishers.saturateByDelivery(bound, () => Math.floor(subscribers.counter.total / each))
    }
  }

  /** Measures while it is saturated, after a warm-up. */
  async saturated(seconds = this.#run.seconds): Promise<Interval> {
    const endRests = restBetweenReads(this.subscribers.counter, this.#run.restMs)
    this.saturate()
    await sleep(WARM_UP_MS)
    const meter = this.begin()
    await sleep(seconds * 1000)
    const interval = meter.stop()
    endRests()
    return interval
  }

  /** Measures messages at a rate that nothing the server does changes, after a warm-up. */
  async paced(rate: number, seconds: number): Promise<Interval> {
    const { publishers } = this
    await publishers.pace(Math.max(1, Math.round((rate * WARM_UP_MS) / 1000)), rate)
    // The meter begins and ends in the quiet between two messages.
    await sleep(500 / rate)
    const meter = this.begin()
    await publishers.pace(Math.round(rate * seconds), rate)
    await sleep(500 / rate)
    return meter.stop()
  }

  /** Begins to measure. */
  begin(): Meter {
    const { counter } = this.subscribers
    this.latencies.clear()
    this.#reads = counter.reads
    this.#messages = counter.total
    return new Meter(this.#run.server, () => counter.total)
  }

  /** Messages that one read brought, on average, since `begin`. */
  get joined(): number {
    const { counter } = this.subscribers
    return (counter.total - this.#messages) / (counter.reads - this.#reads)
  }

  /**
   * Waits for what is under way, and says what was lost, doubled or out of order.
   * @param expectedOf what each subscriber should have; all that was sent unless given
   */
  async settle(expectedOf?: (index: number) => number): Promise<string[]> {
    const { publishers, subscribers } = this
    await publishers.drain(DRAIN_MS)
    await subscribers.arrived(publishers.sent * this.#options.each, DRAIN_MS)
    return [...publishers.problems, ...subscribers.reconcile(expectedOf ?? (() => publishers.sent))]
  }

  close(): void {
    this.publishers.close()
    this.subscribers.close()
  }
}

/** The figures that every shape with an interval shows. */
export function loadOf(interval: Interval): Record<string, number> {
  return {
    server: interval.serverPercent,
    driver: interval.driverPercent,
    others: interval.othersPercent,
  }
}

/**
 * All of a run that is about throughput; `joined` is how many messages one read brought.
 * @param expectedOf as in `settle`
 */
export async function saturatedRun(
  crowd: Crowd,
  expectedOf?: (index: number) => number,
): Promise<Measured> {
  const interval = await crowd.saturated()
  const { joined } = crowd
  const problems = await crowd.settle(expectedOf)
  crowd.close()
  return {
    metrics: {
      deliveries: interval.deliveriesPerSecond,
      cpu: interval.serverMicrosPerDelivery,
      joined,
      ...loadOf(interval),
    },
    problems,
  }
}
