import { onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { doorOf } from '../../src/config/types.ts'
import { ALL, cursorOf } from '../../src/hub/contract.ts'
import { LogHub } from '../../src/hub/log-hub.ts'
import type { ChannelName } from '../../src/model/channel.ts'
import type { MaybePromise } from '../../src/model/maybe.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { Selectors } from '../../src/model/selector.ts'
import { configSchema } from '../../src/server/schema.ts'
import type { Facts, FactWatcher, How, Stated } from '../../src/stores/facts.ts'
import { MemoryFacts } from '../../src/stores/memory-facts.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { usersKey } from '../../src/users/config.ts'
import { Users } from '../../src/users/users.ts'

/** Facts as one of several nodes sees them: late, if `pause` takes its time, before and after each. */
export class NodeFacts implements Facts {
  readonly #shared: MemoryFacts
  readonly #watchers: Set<FactWatcher>
  readonly #pause: () => Promise<void>
  /** Whom to call when changes were missed. */
  missed: (() => void) | undefined
  /** How many calls go well before all others fail. */
  works = Number.POSITIVE_INFINITY

  constructor(shared: MemoryFacts, watchers: Set<FactWatcher>, pause: () => Promise<void>) {
    this.#shared = shared
    this.#watchers = watchers
    this.#pause = pause
  }

  get(kind: string, owner: string, item: string): Promise<string | undefined> {
    return this.#late(() => this.#shared.get(kind, owner, item))
  }

  set(kind: string, owner: string, item: string, value?: string, how?: How): Promise<Stated> {
    return this.#late(() => this.#shared.set(kind, owner, item, value, how))
  }

  list(kind: string, owner: string): Promise<ReadonlyMap<string, string>> {
    return this.#late(() => this.#shared.list(kind, owner))
  }

  sizes(kind: string, owners: readonly string[]): Promise<readonly number[]> {
    return this.#late(() => this.#shared.sizes(kind, owners))
  }

  owners(kind: string): Promise<readonly string[]> {
    return this.#late(() => this.#shared.owners(kind))
  }

  count(kind: string): Promise<number> {
    return this.#late(() => this.#shared.count(kind))
  }

  watch(watcher: FactWatcher, missed?: () => void): void {
    this.#watchers.add(watcher)
    this.missed = missed
  }

  close(): void {}

  async #late<T>(work: () => MaybePromise<T>): Promise<T> {
    await this.#pause()
    if (this.works-- <= 0) throw new FanfareError('store_unavailable')
    const answer = await work()
    await this.#pause()
    return answer
  }
}

/** Several nodes over the same facts and messages. */
export class Nodes {
  readonly facts = new MemoryFacts()
  readonly hub = new LogHub(new MemoryStore(), { soon: setImmediate })
  readonly errors: unknown[] = []
  /** False: no node hears of changes. */
  isHeard = true
  readonly #watchers = new Set<FactWatcher>()
  readonly #config
  readonly #pause: () => Promise<void>

  /**
   * @param yaml of `users`, in YAML's short form
   * @param pause how late each question is, and each answer
   */
  constructor(yaml = '', pause: () => Promise<void> = async () => {}) {
    const text = `users: { ${yaml} }\n`
    const { config } = loadConfig(configSchema(), { text, file: 'test.yaml', env: {} })
    this.#config = doorOf(config, 'users', usersKey)
    this.#pause = pause
    this.facts.watch((...change) => {
      if (this.isHeard) for (const watcher of this.#watchers) watcher(...change)
    })
  }

  start(node: string, incarnation: string): { users: Users; facts: NodeFacts } {
    const facts = new NodeFacts(this.facts, this.#watchers, this.#pause)
    const users = new Users({
      hub: this.hub,
      facts,
      config: this.#config,
      node,
      incarnation,
      url: () => `http://${node}:8080`,
      onError: (error) => this.errors.push(error),
    })
    onTestFinished(() => users.stop())
    return { users, facts }
  }

  /** What was told of who comes to a channel and goes. */
  async presence(channel: ChannelName): Promise<{ presence: string; user: string }[]> {
    const { messages } = await this.hub.read({
      selectors: Selectors.channel(`${channel}/@presence` as ChannelName),
      after: cursorOf(ALL, this.hub.head),
      limit: 10_000,
    })
    return messages.map(
      ({ body }) => JSON.parse(body.toString()) as { presence: string; user: string },
    )
  }
}
