import type { LocationConfig } from '../config/types.ts'
import type { Mount } from '../http/mount.ts'
import { StreamConnection } from '../http/stream.ts'
import type { Door, DoorContext, LocationHandler, Route, Running } from '../protocols/door.ts'
import { isSameLocation } from './changes.ts'
import type { Lent } from './lent.ts'
import { StartError } from './start-error.ts'

/** What of a door has to be made again for another configuration. */
export interface Renewal {
  /** Handlers of locations that use one of these stores. */
  readonly stores: ReadonlySet<string>
  readonly routes: boolean
}

/** A door as it runs: the locations and paths that it serves, and what it has begun. */
export class Carried {
  readonly door: Door
  readonly handlers: ReadonlyMap<LocationConfig, LocationHandler>
  readonly routes: readonly Route[]
  readonly context: Lent
  #mount: Mount | undefined
  #running: Running | undefined

  private constructor(
    door: Door,
    context: Lent,
    made: Pick<Carried, 'handlers' | 'routes' | 'mount' | 'running'>,
  ) {
    this.door = door
    this.handlers = made.handlers
    this.routes = made.routes
    this.context = context
    this.#mount = made.mount
    this.#running = made.running
  }

  /**
   * A door that ran not before. Nothing is open yet; see `start`.
   * @throws StartError
   */
  static begin(door: Door, context: Lent): Carried {
    return saying(door, () => {
      const handlers = handlersOf(door, context, () => undefined)
      const routes = door.routes?.(context) ?? []
      return new Carried(door, context, { handlers, routes, mount: undefined, running: undefined })
    })
  }

  /**
   * The same door under another configuration, with all that need not be made again.
   * @throws StartError
   */
  renewed(context: Lent, { stores, routes }: Renewal): Carried {
    const { door } = this
    const former = [...this.handlers]
    return saying(door, () => {
      const handlers = handlersOf(door, context, (location) => {
        if (stores.has(location.store)) return undefined
        return former.find(([known]) => isSameLocation(known, location))?.[1]
      })
      const made = routes ? (door.routes?.(context) ?? []) : this.routes
      return new Carried(door, context, {
        handlers,
        routes: made,
        mount: this.#mount,
        running: this.#running,
      })
    })
  }

  get mount(): Mount | undefined {
    return this.#mount
  }

  get running(): Running | undefined {
    return this.#running
  }

  /**
   * Begins what needs no location.
   * @param former runs until this one is taken for good
   * @throws StartError; nothing is left open then
   */
  async start(former?: Running): Promise<void> {
    const { door } = this
    try {
      this.#mount = door.mount?.(this.context)
      this.#running = await door.start?.(this.context, former)
    } catch (error) {
      throw StartError.from(error, { door: door.name })
    }
  }

  /**
   * What makes it go on under the new configuration; undefined when it has to be begun anew.
   * @throws StartError
   */
  update(): (() => void) | undefined {
    return saying(this.door, () => this.#running?.update?.(this.context))
  }

  /** Closes its streams of the main port, in its own words, so that clients go elsewhere. */
  leave(context: Pick<DoorContext, 'traffic' | 'wheel'>): void {
    const traffic = context.traffic.of(this.door.name)
    for (const item of context.wheel.items()) {
      if (item instanceof StreamConnection && item.traffic === traffic) item.leave()
    }
  }
}

function handlersOf(
  door: Door,
  context: DoorContext,
  known: (location: LocationConfig) => LocationHandler | undefined,
): Map<LocationConfig, LocationHandler> {
  const handlers = new Map<LocationConfig, LocationHandler>()
  for (const location of context.config.locations) {
    const handler = known(location) ?? door.location?.(location, context)
    if (handler) handlers.set(location, handler)
  }
  return handlers
}

function saying<T>(door: Door, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw StartError.from(error, { door: door.name })
  }
}
