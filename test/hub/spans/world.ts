import { ALL, NOW, type Since } from '../../../src/hub/contract.ts'
import { PartitionedHub } from '../../../src/hub/partitioned-hub.ts'
import { Clock } from '../../../src/model/clock.ts'
import { makeId, type MessageId } from '../../../src/model/id.ts'
import type { Selectors } from '../../../src/model/selector.ts'
import { MemoryStore } from '../../../src/stores/memory.ts'
import { DelayedStore } from '../delayed-store.ts'
import { check, checkAtRest } from '../world/check.ts'
import { name, Turns } from '../rig.ts'
import { Ledger } from '../world/ledger.ts'
import { move, stir } from '../world/moves.ts'
import type { Bounds } from '../world/steps.ts'
import { PollClient, SocketClient, type SpanClient, StreamClient } from './client.ts'
import { CursorLines } from './lines.ts'
import { CHANNELS, PARTITIONS, PARTS, type Start, type Step } from './steps.ts'

/** More than any run needs to come to rest. */
const PATIENCE = 5_000

/** A hub over several stores and its clients, played step by step; says what is wrong. */
export class SpanWorld {
  ms = 1_700_000_000_000
  readonly turns = new Turns()
  readonly errors: unknown[] = []
  readonly hub: PartitionedHub
  readonly encoder = new CursorLines(PARTITIONS)
  readonly ledgers: readonly Ledger[]
  readonly clients: SpanClient[] = []
  /** The stores that answer later; none when they answer at once. */
  readonly #wires: readonly DelayedStore[]
  #number = 0

  constructor({ readsLate, store, ...limits }: Bounds, delayed: boolean) {
    const clock = new Clock(() => this.ms)
    const memories = Array.from({ length: PARTITIONS }, () => new MemoryStore(store, clock))
    this.#wires = delayed ? memories.map((memory) => new DelayedStore(memory)) : []
    for (const wire of this.#wires) wire.readsLate = readsLate
    this.hub = new PartitionedHub(delayed ? this.#wires : memories, {
      ...limits,
      soon: this.turns.soon,
      onError: (error) => this.errors.push(error),
    })
    this.ledgers = memories.map((memory) => new Ledger({ memory, clock }))
  }

  play(step: Step): void | Promise<void> {
    switch (step.kind) {
      case 'publish':
        this.#publish(step.channel, step.size)
        break
      case 'stream':
        this.clients.push(new StreamClient(this, step.selectors, this.#since(step, step.selectors)))
        break
      case 'poll':
        this.clients.push(new PollClient(this, step.selectors, this.#since(step, step.selectors)))
        break
      case 'socket':
        this.clients.push(new SocketClient(this, PARTS))
        break
      case 'remove':
        this.#wait(this.hub.remove(name(step.channel)))
        break
      case 'pass':
        this.ms += step.ms
        break
      case 'turn':
        this.turns.end()
        break
      case 'announce':
        this.#wires[step.place]?.announce(step.count)
        break
      case 'answer':
        return this.#wires[step.place]?.answer(step.index).then(() => this.#settle())
      case 'slow':
      case 'sent':
      case 'reconnect':
      case 'goOn':
      case 'add':
      case 'drop':
        this.#move(step)
        break
      default:
        step satisfies never
    }
    this.#settle()
  }

  #move(step: Extract<Step, { client: number }>): void {
    const client = this.clients[step.client % Math.max(this.clients.length, 1)]
    if (!client) return
    if (step.kind !== 'add' && step.kind !== 'drop') move(client, step)
    else if (client instanceof SocketClient) {
      if (step.kind === 'drop') client.drop(step.part)
      else client.add(step.part, this.#since(step, PARTS[step.part] as Selectors))
    }
  }

  #since({ since, picks }: Start, selectors: Selectors): Since {
    const given = (place: number): MessageId => {
      const { entries, start } = this.ledgers[place] as Ledger
      const pick = picks[place] ?? 0
      return entries.length > 0 ? (entries[pick % entries.length]?.id ?? start) : start
    }
    const places = this.hub.split(selectors).map(({ place }) => place)
    const [first = 0] = places
    switch (since) {
      case 'now':
        return NOW
      case 'all':
        return ALL
      case 'time':
        return { kind: 'time', after: given(first) }
      case 'id':
        return { kind: 'id', after: given(first) }
      case 'vector':
        return { kind: 'id', after: this.hub.logs.map(({ place }) => given(place)) }
      case 'partial':
        return {
          kind: 'id',
          after: this.hub.logs.map(({ place }) => (place === first ? given(place) : undefined)),
        }
      case 'foreign':
        return { kind: 'id', after: makeId(4_000_000_000, picks[0] ?? 0) }
      default:
        return since satisfies never
    }
  }

  #publish(channel: string, size: number): void {
    const body = Buffer.from(String(this.#number++).padEnd(size, '.'))
    this.#wait(this.hub.publish({ channel: name(channel), body }))
  }

  /** A refusal would be a surprise: nothing here has a key. */
  #wait(answer: unknown): void {
    if (answer instanceof Promise) answer.catch((error: unknown) => this.errors.push(error))
  }

  #settle(): void {
    for (const ledger of this.ledgers) ledger.settle()
  }

  /** Comes to rest, and again after one more message everywhere: a poll is told a gap with one. */
  async finish(): Promise<void> {
    await this.#rest()
    // Two, as a poll has one answer, and the first may be another partition's.
    for (const channel of [...CHANNELS, ...CHANNELS]) {
      this.#publish(channel, 0)
      await this.#rest()
    }
  }

  async #rest(): Promise<void> {
    const busy = (): boolean => this.#wires.some(({ idle }) => !idle)
    for (let round = 0; stir(this.clients) || this.turns.due || busy(); round++) {
      for (const wire of this.#wires) {
        wire.announce()
        await wire.answerAll()
      }
      // What is dropped from a set is told a moment later.
      await Promise.resolve()
      this.turns.end()
      if (round === PATIENCE) throw new Error('the hub does not come to rest')
    }
    this.#settle()
  }

  /** Whatever is wrong by now, before all has come to rest. */
  check(): void {
    check(this.errors, this.clients)
  }

  /** Whatever is wrong now that all has come to rest. */
  checkAtRest(): void {
    checkAtRest(this.errors, this.clients)
  }
}
