import type { Trust } from '../access/trust.ts'
import type { ResolvedConfig } from '../config/types.ts'
import type { Hub } from '../hub/hub.ts'
import type { RecentErrors } from '../hub/recent-errors.ts'
import type { TrafficTable } from '../hub/traffic.ts'
import type { Clock } from '../model/clock.ts'
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
  readonly trust: Trust
  readonly wheel: Wheel
  readonly clock: Clock
  readonly traffic: TrafficTable
  readonly errors: RecentErrors
  readonly control: Control
  readonly onError: (error: unknown) => void
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

  /** @param tried what is to hold soon; undefined: what holds */
  constructor(shared: Shared, tried?: Held) {
    this.#shared = shared
    this.#tried = tried
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

  get trust(): Trust {
    return this.#shared.trust
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

  onError(error: unknown): void {
    this.#shared.onError(error)
  }

  get #held(): Held {
    return this.#tried ?? this.#shared.held()
  }
}
