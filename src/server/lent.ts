import type { Access } from '../access/access.ts'
import type { ResolvedConfig } from '../config/types.ts'
import type { Hub } from '../hub/hub.ts'
import type { RecentErrors } from '../hub/recent-errors.ts'
import type { TrafficTable } from '../hub/traffic.ts'
import type { About, OnError } from '../model/events.ts'
import type { Clock } from '../model/clock.ts'
import type { Entrances } from '../net/entrance.ts'
import type { Health } from '../metrics/health.ts'
import type { Wheel } from '../net/wheel.ts'
import type { DoorContext } from '../protocols/door.ts'
import type { Control } from '../services/control.ts'
import type { Users } from '../users/users.ts'
import type { OpenStore } from './stores.ts'

/** What a configuration brings with it. Another configuration takes its place as a whole. */
export interface Held {
  readonly config: ResolvedConfig
  readonly stores: ReadonlyMap<string, OpenStore>
  readonly users: Users
}

/** What all doors share, whatever the configuration. */
export interface Shared {
  readonly access: Access
  readonly entrances: Entrances
  readonly wheel: Wheel
  readonly clock: Clock
  readonly traffic: TrafficTable
  readonly errors: RecentErrors
  readonly health: Health
  readonly control: Control
  readonly onError: OnError
  /** How far the server is in its life. */
  readonly life: { draining: boolean }
  /** What holds now. */
  readonly held: () => Held
}

/**
 * What doors are lent. Those that are begun for a configuration which does not hold yet see it all the
 * same, and from then on whatever holds.
 */
export class Lent implements DoorContext {
  readonly #shared: Shared
  #tried: Held | undefined
  /** Who knows what is tried, and for which door this is: undefined: it is that itself, for all. */
  readonly #whole: Lent | undefined
  readonly #door: string | undefined

  /** @param tried what is to hold soon; undefined: what holds */
  constructor(shared: Shared, tried?: Held, whole?: Lent, door?: string) {
    this.#shared = shared
    this.#tried = tried
    this.#whole = whole
    this.#door = door
  }

  /** The same for one door, whose errors are told as such. */
  of(door: string): Lent {
    return new Lent(this.#shared, undefined, this, door)
  }

  /** From here on it shows what holds. */
  settle(): void {
    this.#tried = undefined
  }

  get config(): ResolvedConfig {
    return this.#held.config
  }

  get users(): Users {
    return this.#held.users
  }

  get access(): Access {
    return this.#shared.access
  }

  get entrances(): Entrances {
    return this.#shared.entrances
  }

  get wheel(): Wheel {
    return this.#shared.wheel
  }

  get clock(): Clock {
    return this.#shared.clock
  }

  get traffic(): TrafficTable {
    return this.#shared.traffic
  }

  get errors(): RecentErrors {
    return this.#shared.errors
  }

  get health(): Health {
    return this.#shared.health
  }

  get draining(): boolean {
    return this.#shared.life.draining
  }

  get control(): Control {
    return this.#shared.control
  }

  hub(name: string): Hub {
    const store = this.#held.stores.get(name)
    if (!store) throw new Error(`no store is named ${name}`)
    return store.hub
  }

  onError(error: unknown, about?: About): void {
    this.#shared.onError(error, this.#door === undefined ? about : { door: this.#door, ...about })
  }

  get #held(): Held {
    return (this.#whole ?? this).#tried ?? this.#shared.held()
  }
}
