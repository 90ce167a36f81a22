import type { AddressInfo } from 'node:net'
import { Trust } from '../access/trust.ts'
import { doorOf, type ResolvedConfig } from '../config/types.ts'
import { HttpServer } from '../http/server.ts'
import { Hub } from '../hub/hub.ts'
import { RecentErrors } from '../hub/recent-errors.ts'
import { TrafficTable } from '../hub/traffic.ts'
import { Clock } from '../model/clock.ts'
import { Wheel } from '../net/wheel.ts'
import type { Door, DoorContext, Place, Running } from '../protocols/door.ts'
import { DOORS } from '../protocols/doors.ts'
import { isSweepable, openStore } from '../stores/open.ts'
import { MemoryFacts } from '../stores/memory-facts.ts'
import type { Store } from '../stores/store.ts'
import { usersKey } from '../users/config.ts'
import { Users } from '../users/users.ts'
import { Router } from './router.ts'

/** How often what has aged is dropped, in ms. */
const SWEEP_INTERVAL = 1_000

/** The name of a node that stands alone. */
const LOCAL_NODE = 'local'

/** How often connections are looked at when there are no heartbeats, in ms. */
const REVOLUTION = 15_000

export interface ServerOptions {
  /** Hears of what went wrong while no client was waiting for an answer. */
  readonly onError?: (error: unknown) => void
  /** The clock of all stores; a test may give another. */
  readonly clock?: Clock
  /** False: every request goes over node:http. For tests, which run over both paths. */
  readonly lean?: boolean
}

/** Why a server could not start. */
export class StartError extends Error {
  override readonly cause: NodeJS.ErrnoException
  /** The door that failed; undefined: the main port. */
  readonly door: string | undefined

  constructor(cause: NodeJS.ErrnoException, door: string | undefined) {
    super(cause.message)
    this.name = 'StartError'
    this.cause = cause
    this.door = door
  }
}

/** A running server. */
export class FanfareServer {
  readonly config: ResolvedConfig
  readonly address: AddressInfo
  readonly users: Users
  readonly #stores: ReadonlyMap<string, Store>
  readonly #hubs: ReadonlyMap<string, Hub>
  readonly #http: HttpServer
  readonly #router: Router
  readonly #wheel: Wheel
  readonly #sweeper: NodeJS.Timeout
  readonly #running: readonly Running[]

  private constructor(
    parts: Pick<FanfareServer, 'config' | 'address' | 'users'> & {
      stores: ReadonlyMap<string, Store>
      hubs: ReadonlyMap<string, Hub>
      http: HttpServer
      router: Router
      wheel: Wheel
      running: readonly Running[]
    },
  ) {
    this.config = parts.config
    this.address = parts.address
    this.users = parts.users
    this.#stores = parts.stores
    this.#hubs = parts.hubs
    this.#http = parts.http
    this.#router = parts.router
    this.#wheel = parts.wheel
    this.#running = parts.running
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref()
  }

  /**
   * Starts everything that the configuration names.
   * @throws StartError when a port cannot be listened on or a store cannot be opened; nothing is left open then
   */
  static async start(config: ResolvedConfig, options: ServerOptions = {}): Promise<FanfareServer> {
    const { limits } = config
    const traffic = new TrafficTable()
    const errors = new RecentErrors()
    const onError = (error: unknown): void => {
      errors.add(error)
      options.onError?.(error)
    }
    const clock = options.clock ?? new Clock()
    const stores = new Map<string, Store>()
    const hubs = new Map<string, Hub>()
    for (const [name, storeConfig] of Object.entries(config.stores)) {
      let store: Store
      try {
        store = openStore(storeConfig, limits, clock, onError)
      } catch (error) {
        for (const opened of stores.values()) await opened.close()
        throw new StartError(error as NodeJS.ErrnoException, undefined)
      }
      stores.set(name, store)
      hubs.set(name, new Hub(store, { ...limits, soon: setImmediate, traffic, onError }))
    }
    const wheel = new Wheel(limits.heartbeat || REVOLUTION)
    const hubOf = (name: string): Hub => {
      const hub = hubs.get(name)
      if (!hub) throw new Error(`no store is named ${name}`)
      return hub
    }
    const usersOptions = doorOf(config, 'users', usersKey)
    let url = ''
    const users = new Users({
      hub: hubOf(usersOptions.store),
      facts: new MemoryFacts(),
      config: usersOptions,
      node: LOCAL_NODE,
      url: () => url,
      onError,
    })
    const context: DoorContext = {
      config,
      trust: new Trust(config.trustedPeers, config.trustedProxies),
      wheel,
      clock,
      onError,
      users,
      traffic,
      errors,
      hub: hubOf,
    }
    // Set before the first request comes.
    let router: Router | undefined
    const http = new HttpServer({
      onError,
      limits,
      maxConnections: limits.maxConnections,
      ...(options.lean === undefined ? {} : { lean: options.lean }),
      handle: (exchange) => router?.handle(exchange),
      upgrade: (upgrade) => router?.upgrade(upgrade),
      mountAt: (path) => router?.mountAt(path),
    })
    const running: Running[] = []
    let door: Door | undefined
    try {
      router = new Router(DOORS, context)
      const address = await http.listen(config.port, config.address)
      url = urlOf(address)
      for (door of DOORS) {
        const started = await door.start?.(context)
        if (started) running.push(started)
      }
      wheel.start()
      return new FanfareServer({
        config,
        address,
        stores,
        hubs,
        http,
        router,
        wheel,
        users,
        running,
      })
    } catch (error) {
      users.stop()
      for (const started of running) await started.stop()
      await http.close()
      for (const store of stores.values()) await store.close()
      throw new StartError(error as NodeJS.ErrnoException, door?.name)
    }
  }

  /** The main port as a URL, without a path. */
  get url(): string {
    return urlOf(this.address)
  }

  /** Everything that can be used: the main port's paths, and what listens or watches beside it. */
  get places(): readonly Place[] {
    const paths = this.#router.places(this.url, this.url)
    return [...paths, ...this.#running.flatMap(({ places }) => places)]
  }

  get connections(): number {
    return this.#http.connections
  }

  /** The hub of a named store: for embedding the server in a program. */
  hub(store = 'default'): Hub {
    const hub = this.#hubs.get(store)
    if (!hub) throw new Error(`no store is named ${store}`)
    return hub
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#wheel.stop()
    this.users.stop()
    for (const running of this.#running) await running.stop()
    await this.#http.close()
    for (const store of this.#stores.values()) await store.close()
  }

  #sweep(): void {
    for (const store of this.#stores.values()) if (isSweepable(store)) store.sweep()
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  const any = address === '0.0.0.0' || address === '::'
  const host = any ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return `http://${host}:${port}`
}
