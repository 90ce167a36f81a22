import type { Limits, StoreConfig } from '../config/types.ts'
import { type Hub, hubOver } from '../hub/hub.ts'
import type { TrafficTable } from '../hub/traffic.ts'
import type { Clock } from '../model/clock.ts'
import type { OnError, Report } from '../model/events.ts'
import type { Facts } from '../stores/facts.ts'
import { isAdjustable, keptBy } from '../stores/limits.ts'
import { isSweepable, openFacts, openPartitions } from '../stores/open.ts'
import type { Store } from '../stores/store.ts'
import { StartError } from './start-error.ts'

export interface StoreSurroundings {
  readonly limits: Limits
  readonly clock: Clock
  readonly traffic: TrafficTable
  readonly onError: OnError
}

/** A store that is open, everyone who follows it, and what is known beside its messages. */
export class OpenStore {
  readonly name: string
  /** One for each partition. */
  readonly #stores: readonly Store[]
  readonly hub: Hub
  readonly #openFacts: () => Facts
  #config: StoreConfig
  #facts: Facts | undefined

  /** @throws StartError when it cannot be opened */
  constructor(name: string, config: StoreConfig, surroundings: StoreSurroundings) {
    const { limits, clock, traffic, onError } = surroundings
    this.name = name
    this.#config = config
    const report: Report = (text, event) =>
      onError(text, { event: event ?? 'store.damage', store: name })
    try {
      this.#stores = openPartitions(config, limits, clock, report)
    } catch (error) {
      throw new StartError(error as NodeJS.ErrnoException, { store: name })
    }
    this.hub = hubOver(this.#stores, { ...limits, soon: setImmediate, traffic, onError })
    this.#openFacts = () => openFacts(config, clock, report)
  }

  /**
   * What is known beside its messages; opened when it is first asked for: of most stores nobody does.
   * @throws StartError when it cannot be opened
   */
  get facts(): Facts {
    try {
      return (this.#facts ??= this.#openFacts())
    } catch (error) {
      throw new StartError(error as NodeJS.ErrnoException, { store: this.name })
    }
  }

  /** As it was opened, and changed since. */
  get config(): StoreConfig {
    return this.#config
  }

  /** Keeps that much from now on. What lies above a lower bound goes with a channel's next message. */
  update(config: StoreConfig, limits: Limits): void {
    this.#config = config
    this.hub.update(limits)
    const kept = keptBy(config, limits)
    for (const store of this.#stores) if (isAdjustable(store)) store.update(kept)
  }

  /** Drops what has aged. */
  sweep(): void {
    for (const store of this.#stores) if (isSweepable(store)) store.sweep()
  }

  async close(): Promise<void> {
    await this.#facts?.close()
    for (const store of this.#stores) await store.close()
  }
}
