import { DelayedStore } from '../delayed-store.ts'
import { check, checkAtRest } from './check.ts'
import { name, Rig } from '../rig.ts'
import { type Client, JsonLines } from './client.ts'
import { PollClient, sinceOf, SocketClient, StreamClient } from './clients.ts'
import { Ledger } from './ledger.ts'
import { move, stir } from './moves.ts'
import { type Bounds, CHANNELS, type Step } from './steps.ts'

/** More than any run needs to come to rest. */
const PATIENCE = 5_000

/** A hub and its clients, played step by step; says what is wrong. */
export class World {
  readonly rig: Rig
  readonly ledger: Ledger
  readonly store: DelayedStore | undefined
  readonly clients: Client[] = []
  readonly #encoders = [
    new JsonLines('one', true),
    new JsonLines('two', true),
    new JsonLines('mute', false),
  ] as const
  #number = 0

  constructor({ readsLate, ...limits }: Bounds, delayed: boolean) {
    let store: DelayedStore | undefined
    this.rig = new Rig({
      ...limits,
      unwatched: true,
      ...(delayed ? { wrap: (memory) => (store = new DelayedStore(memory)) } : {}),
    })
    this.store = store
    if (this.store) this.store.readsLate = readsLate
    this.ledger = new Ledger(this.rig)
  }

  play(step: Step): void | Promise<void> {
    const { rig, ledger } = this
    switch (step.kind) {
      case 'publish':
        this.#publish(step)
        break
      case 'stream': {
        const encoder = this.#encoders[step.encoder as 0 | 1 | 2]
        const since = sinceOf(step.since, step.pick, ledger)
        this.clients.push(new StreamClient(rig, ledger, encoder, step.selectors, since))
        break
      }
      case 'poll': {
        const since = sinceOf(step.since, step.pick, ledger)
        const poll = new PollClient(rig, ledger, this.#encoders[0], step.selectors, since)
        poll.eager = step.eager
        poll.answers = step.answers
        this.clients.push(poll)
        break
      }
      case 'socket':
        this.clients.push(new SocketClient(rig, ledger, this.#encoders[0]))
        break
      case 'remove':
        this.#wait(rig.hub.remove(name(step.channel)))
        break
      case 'pass':
        rig.ms += step.ms
        break
      case 'turn':
        rig.turns.end()
        break
      case 'announce':
        this.store?.announce(step.count)
        break
      case 'answer':
        return this.store?.answer(step.index).then(() => ledger.settle())
      case 'add':
      case 'drop':
      case 'slow':
      case 'sent':
      case 'reconnect':
      case 'goOn':
        this.#move(step)
        break
      default:
        step satisfies never
    }
    ledger.settle()
  }

  #publish({ channel, size, ttl }: Step & { kind: 'publish' }): void {
    const body = Buffer.from(String(this.#number++).padEnd(size, '.'))
    this.#wait(this.rig.hub.publish({ channel: name(channel), body, ttl }))
  }

  #move(step: Extract<Step, { client: number }>): void {
    const client = this.clients[step.client % Math.max(this.clients.length, 1)]
    if (!client) return
    if (step.kind !== 'add' && step.kind !== 'drop') move(client, step)
    else if (client instanceof SocketClient) {
      if (step.kind === 'drop') client.drop(step.part)
      else client.add(step.part, sinceOf(step.since, step.pick, this.ledger))
    }
  }

  /** A refusal would be a surprise: nothing here has a key. */
  #wait(answer: unknown): void {
    if (answer instanceof Promise) answer.catch((error: unknown) => this.rig.errors.push(error))
  }

  /** Comes to rest, and again after one more message everywhere: a poll is told a gap with one. */
  async finish(): Promise<void> {
    await this.#rest()
    for (const channel of CHANNELS) {
      this.#publish({ kind: 'publish', channel, size: 0, ttl: undefined })
      await this.#rest()
    }
  }

  /** The same where nothing has to be waited for. */
  finishNow(): void {
    this.#restNow()
    for (const channel of CHANNELS) {
      this.#publish({ kind: 'publish', channel, size: 0, ttl: undefined })
      this.#restNow()
    }
  }

  /** Lets all sockets drain and all clients go on, until nothing is left to do. */
  #restNow(): void {
    for (let round = 0; stir(this.clients) || this.rig.turns.due; round++) {
      this.rig.turns.end()
      if (round === PATIENCE) throw new Error('the hub does not come to rest')
    }
    this.ledger.settle()
  }

  async #rest(): Promise<void> {
    const { store, rig } = this
    if (!store) return
    for (let round = 0; stir(this.clients) || rig.turns.due || !store.idle; round++) {
      store.announce()
      await store.answerAll()
      rig.turns.end()
      if (round === PATIENCE) throw new Error('the hub does not come to rest')
    }
    this.ledger.settle()
  }

  /** Whatever is wrong by now, before all has come to rest. */
  check(): void {
    check(this.rig.errors, this.clients)
  }

  /** Whatever is wrong now that all has come to rest. */
  checkAtRest(): void {
    checkAtRest(this.rig.errors, this.clients)
  }
}
