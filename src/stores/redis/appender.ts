import { FanfareError } from '../../model/errors.ts'
import type { MessageId } from '../../model/id.ts'
import type { Draft } from '../../model/message.ts'
import type { Appended } from '../store.ts'
import { idFrom, pack, packable, type Packable, timeOf } from './codec.ts'
import { wordsOf } from './client.ts'
import type { Link, Reply } from './link.ts'
import { isNoScript } from './scripts.ts'

/** A batch's bounds; one message may be larger. */
const BATCH_MESSAGES = 256
const BATCH_BYTES = 256 * 1024
/** Batches on their way at once: what comes meanwhile joins the next, so that they grow with the load. */
const BATCHES_UNDER_WAY = 3
/** Messages that may wait, whatever their bytes. */
const MAX_WAITING = 100_000
/** What a waiting message costs beside its bytes. */
const WAITING_COST = 256

interface Pending {
  readonly item: Packable
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  readonly seq: number
  readonly block: Buffer
  readonly pending: readonly Pending[]
  /** When its publishers are told that it failed, if it is not answered; ms of performance.now. */
  readonly until: number
}

export interface AppenderHost {
  readonly link: Link
  readonly timeout: number
  readonly publishWait: number
  readonly maxWaitingBytes: number
  /** Bytes that wait, here and wherever else this is counted. */
  readonly waiting: { bytes: number }
  command(batch: BatchArgs, byText: boolean): (string | Buffer)[]
  /** A message was stored, at this time (ms). */
  stored(id: MessageId, time: number): void
}

export interface BatchArgs {
  readonly seq: number
  readonly acked: number
  readonly former: number
  readonly block: Buffer
}

/**
 * Sends what is published: the messages of one loop turn as one batch, a few batches at a time, each with a
 * number by which Redis knows it again. After a lost connection those without an answer go again, in order.
 */
export class Appender {
  readonly #host: AppenderHost
  #waiting: Pending[] = []
  /** Batches without an answer, oldest first. */
  #sent: Batch[] = []
  /** Commands whose outcome is still to come. */
  #underWay = 0
  /** The window is to be sent again, once nothing of it is under way any more. */
  #broken = false
  #seq = 0
  #acked = 0
  #count = 0
  #scheduled = false
  #drained: (() => void)[] = []
  /** When those that wait for Redis to be back are told that it is not; ms of performance.now. */
  #until = Number.POSITIVE_INFINITY

  constructor(host: AppenderHost) {
    this.#host = host
  }

  /** @throws FanfareError `store_unavailable` at once when it cannot even wait */
  append(draft: Draft): Promise<Appended> {
    const { link, publishWait, maxWaitingBytes, waiting } = this.#host
    if (link.closed || (!link.up && !link.starting && publishWait === 0)) {
      return Promise.reject(link.unavailable())
    }
    const item = packable(draft)
    if (waiting.bytes > maxWaitingBytes || this.#count >= MAX_WAITING) {
      const words = 'Redis is slower than what is published.'
      return Promise.reject(
        link.up ? new FanfareError('store_unavailable', words) : link.unavailable(),
      )
    }
    waiting.bytes += item.length + WAITING_COST
    this.#count++
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#limitWait()
      this.#waiting.push({ item, resolve, reject })
      this.#schedule()
    })
  }

  /** Resolves once everything that was appended so far has its answer. */
  async settled(): Promise<void> {
    if (this.#count === 0) return
    await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  /** The link is up again: what has no answer goes first. */
  resume(): void {
    this.#broken = true
    this.#until = Number.POSITIVE_INFINITY
    this.#flush()
  }

  /** The link is down: whoever has waited long enough is told. */
  interrupted(): void {
    this.#broken = true
    this.#limitWait()
  }

  /** Called now and then, so that nobody waits for longer than was promised. */
  look(): void {
    const now = performance.now()
    const { link } = this.#host
    while (this.#sent[0] && this.#sent[0].until <= now) {
      const late = this.#sent.shift() as Batch
      this.#broken = true
      const words = 'Redis has not answered; the message may have been stored or not.'
      const error = new FanfareError('store_unavailable', words)
      for (const one of late.pending) this.#fail(one, error)
    }
    if (link.closed || (!link.up && this.#until <= now)) this.#failWaiting(link.unavailable())
    this.#tellDrained()
  }

  /** Nothing more will be sent. */
  close(error: Error): void {
    for (const batch of this.#sent.splice(0)) {
      for (const one of batch.pending) this.#fail(one, error)
    }
    this.#failWaiting(error)
    this.#tellDrained()
  }

  #failWaiting(error: Error): void {
    for (const one of this.#waiting.splice(0)) this.#fail(one, error)
  }

  #limitWait(): void {
    const { link, timeout, publishWait } = this.#host
    if (link.up) return
    this.#until = performance.now() + (link.starting ? Math.max(timeout, publishWait) : publishWait)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const { link } = this.#host
    if (!link.up) return
    if (this.#broken) {
      if (this.#underWay > 0) return
      this.#broken = false
      let former = 0
      for (const batch of this.#sent) {
        this.#send(batch, former, true)
        former = batch.seq
      }
    }
    while (this.#waiting.length > 0 && this.#sent.length < BATCHES_UNDER_WAY) this.#next()
  }

  #next(): void {
    let count = 0
    let bytes = 0
    for (const { item } of this.#waiting) {
      if (count === BATCH_MESSAGES || (count > 0 && bytes + item.length > BATCH_BYTES)) break
      bytes += item.length
      count++
    }
    const pending = this.#waiting.splice(0, count)
    const { timeout, publishWait } = this.#host
    const batch: Batch = {
      seq: ++this.#seq,
      block: pack(pending.map(({ item }) => item)),
      pending,
      until: performance.now() + Math.max(timeout, publishWait),
    }
    const former = this.#sent.at(-1)?.seq ?? 0
    this.#sent.push(batch)
    this.#send(batch, former, false)
  }

  #send(batch: Batch, former: number, byText: boolean): void {
    const { link } = this.#host
    const { seq, block } = batch
    const args = { seq, former, block, acked: this.#acked }
    this.#underWay++
    link.send(this.#host.command(args, byText)).then(
      (reply) => this.#answered(batch, reply),
      (error: unknown) => this.#refused(batch, error),
    )
  }

  #answered(batch: Batch, reply: Reply): void {
    this.#underWay--
    const text = String(reply)
    if (text === 'early') this.#broken = true
    else if (this.#take(batch)) {
      if (text === 'gone') {
        const words = 'It is not known whether the message was stored.'
        for (const one of batch.pending)
          this.#fail(one, new FanfareError('store_unavailable', words))
      } else this.#settle(batch, text)
    }
    this.#flush()
    this.#tellDrained()
  }

  #refused(batch: Batch, error: unknown): void {
    this.#underWay--
    const { link } = this.#host
    if (isNoScript(error) || !link.up || error instanceof FanfareError) this.#broken = true
    else if (this.#take(batch)) {
      const refusal = new FanfareError(
        'store_unavailable',
        `Redis took no message: ${wordsOf(error)}`,
      )
      for (const one of batch.pending) this.#fail(one, refusal)
    }
    this.#flush()
    this.#tellDrained()
  }

  /** Whether it was still waited for. */
  #take(batch: Batch): boolean {
    const index = this.#sent.indexOf(batch)
    if (index === -1) return false
    this.#sent.splice(index, 1)
    this.#acked = (this.#sent[0]?.seq ?? this.#seq + 1) - 1
    return true
  }

  #settle(batch: Batch, text: string): void {
    const [, stamp, list = ''] = text.split(' ')
    const now = Number(stamp)
    const results = list.split(',')
    for (const [index, one] of batch.pending.entries()) {
      const result = results[index] ?? ''
      if (result === '!') this.#fail(one, new FanfareError('key_reused'))
      else {
        const duplicate = result.startsWith('=')
        const id = idFrom(duplicate ? result.slice(1) : result)
        if (!duplicate) this.#host.stored(id, timeOf(id, now))
        this.#release(one)
        one.resolve({ id, duplicate })
      }
    }
  }

  #fail(one: Pending, error: Error): void {
    this.#release(one)
    one.reject(error)
  }

  #release({ item }: Pending): void {
    this.#host.waiting.bytes -= item.length + WAITING_COST
    this.#count--
  }

  #tellDrained(): void {
    if (this.#count > 0) return
    for (const tell of this.#drained.splice(0)) tell()
  }
}
