import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Trust } from '../access/trust.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { HttpServer } from '../http/server.ts'
import type { Hub } from '../hub/hub.ts'
import { RecentErrors } from '../hub/recent-errors.ts'
import { TrafficTable } from '../hub/traffic.ts'
import { Clock } from '../model/clock.ts'
import { FanfareError } from '../model/errors.ts'
import { Entrances } from '../net/entrance.ts'
import { Wheel } from '../net/wheel.ts'
import type { Place } from '../protocols/door.ts'
import type { Applied, Control } from '../services/control.ts'
import type { Users } from '../users/users.ts'
import { Change } from './change.ts'
import { Draining } from './draining.ts'
import type { Held } from './lent.ts'
import { LOCAL_NODE, type Parts, urlOf } from './parts.ts'
import { Retired } from './retired.ts'
import { type Reload, StandAlone } from './stand-alone.ts'
import { StartError } from './start-error.ts'

export { StartError } from './start-error.ts'

/** How often what has aged is dropped, in ms. */
const SWEEP_INTERVAL = 1_000

/** How often connections are looked at when there are no heartbeats, in ms. */
const REVOLUTION = 15_000

export interface ServerOptions {
  /** Hears of what went wrong while no client was waiting for an answer. */
  readonly onError?: (error: unknown) => void
  /** The clock of all stores; a test may give another. */
  readonly clock?: Clock
  /** False: every request goes over node:http. For tests, which run over both paths. */
  readonly lean?: boolean
  /** The name of this node. */
  readonly node?: string
  /** Tells this life of the node from its former ones; something random unless given. */
  readonly incarnation?: string
  /** Names of the doors that run; undefined: all. */
  readonly roles?: ReadonlySet<string> | undefined
  /** Given where the node is one of several; otherwise it stands alone. */
  readonly control?: Control
  /** Reads the configuration again, for a node that stands alone. */
  readonly reload?: Reload
  /** Where clients reach the main port, given where it listens; made from that unless given. */
  readonly url?: (address: AddressInfo, scheme: 'http' | 'https') => string
}

/** A running server. */
export class FanfareServer {
  readonly #parts: Parts
  readonly #sweeper: NodeJS.Timeout
  /** Changes of the configuration come one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #stopped = false

  private constructor(parts: Parts) {
    this.#parts = parts
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref()
  }

  /**
   * Starts everything that the configuration names.
   * @throws StartError when a port cannot be listened on or a store cannot be opened; nothing is left open then
   */
  static async start(config: ResolvedConfig, options: ServerOptions = {}): Promise<FanfareServer> {
    let server: FanfareServer | undefined
    const parts = partsOf(config, options, () => {
      if (server) return server
      throw new FanfareError('store_unavailable', 'The server is only just starting.')
    })
    const change = new Change(parts, config, options.roles)
    try {
      await change.stage()
    } catch (error) {
      await change.undo()
      throw StartError.from(error)
    }
    change.commit()
    parts.shared.wheel.start()
    parts.shared.entrances.start()
    server = new FanfareServer(parts)
    return server
  }

  /** The configuration that holds: as it was given, but for what only a start can change. */
  get config(): ResolvedConfig {
    return this.#held.config
  }

  /** Where the main port is. */
  get address(): AddressInfo {
    return this.#parts.address as AddressInfo
  }

  get users(): Users {
    return this.#held.users
  }

  get node(): string {
    return this.#parts.node
  }

  get incarnation(): string {
    return this.#parts.incarnation
  }

  /** Names of the doors that run; undefined: all. */
  get roles(): ReadonlySet<string> | undefined {
    return this.#parts.roles
  }

  /** The main port as a URL, without a path. */
  get url(): string {
    return urlOf(this.#parts)
  }

  /** Everything that can be used: the main port's paths, and what listens or watches beside it. */
  get places(): readonly Place[] {
    const paths = this.#parts.router?.places(this.url, this.url) ?? []
    const begun = [...this.#parts.carried.values()].flatMap(({ running }) => running?.places ?? [])
    return [...paths, ...begun]
  }

  /** What goes through each door. */
  get traffic(): TrafficTable {
    return this.#parts.shared.traffic
  }

  get connections(): number {
    return this.#parts.http.connections
  }

  /** Connections of all ports, ZeroMQ's included. */
  get openConnections(): number {
    return this.#parts.shared.entrances.connections.size
  }

  /** The hub of a named store: for embedding the server in a program. */
  hub(name = 'default'): Hub {
    const store = this.#held.stores.get(name)
    if (!store) throw new Error(`no store is named ${name}`)
    return store.hub
  }

  /**
   * Takes another configuration. Connections, stores and doors whose part did not change are left as they
   * are.
   * @throws FanfareError `bad_config` when it cannot hold, say for a port that is taken; the former one
   * holds on then
   */
  apply(config: ResolvedConfig): Promise<Applied> {
    return this.#inTurn(() => this.#change(config, this.roles))
  }

  /**
   * Begins the doors that came, and ends those that left: their clients are sent elsewhere.
   * @param roles names of the doors that run; undefined: all
   * @param park doors that left keep their connections until the next call, which ends them, or goes on with them
   * @throws FanfareError `bad_config` when a door cannot be begun; nothing has changed then
   */
  async carry(roles: ReadonlySet<string> | undefined, park = false): Promise<void> {
    await this.#inTurn(() => this.#change(this.config, roles, park))
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#stopped) return
      this.#stopped = true
      const { carried, draining, http, retired, shared } = this.#parts
      clearInterval(this.#sweeper)
      shared.wheel.stop()
      shared.entrances.stop()
      this.users.stop()
      for (const { running } of carried.values()) await running?.stop()
      await draining.stop()
      await http.close()
      await retired.close()
      for (const store of this.#held.stores.values()) await store.close()
    })
  }

  async #change(
    config: ResolvedConfig,
    roles: ReadonlySet<string> | undefined,
    park = false,
  ): Promise<Applied> {
    if (this.#stopped) throw new FanfareError('store_unavailable', 'The server is stopping.')
    const change = new Change(this.#parts, config, roles, park)
    try {
      await change.stage()
    } catch (error) {
      await change.undo()
      throw new FanfareError(
        'bad_config',
        `${StartError.from(error).words}. Nothing has changed.`,
        'Put that right, and reload again.',
      )
    }
    return change.commit()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  get #held(): Held {
    return this.#parts.held as Held
  }

  #sweep(): void {
    for (const store of this.#held.stores.values()) store.sweep()
  }
}

/** What there is before the first configuration holds. */
function partsOf(
  config: ResolvedConfig,
  options: ServerOptions,
  server: () => FanfareServer,
): Parts {
  const { node = LOCAL_NODE, incarnation = randomBytes(9).toString('base64url') } = options
  const errors = new RecentErrors()
  const onError = (error: unknown): void => {
    errors.add(error)
    options.onError?.(error)
  }
  const limits = { ...config.limits }
  const trust = new Trust(config.trustedPeers, config.trustedProxies)
  const known = {
    isTrusted: (address: string) => trust.trusts(address),
    isProxy: (address: string) => trust.isProxy(address),
  }
  const entrances = new Entrances(limits, known, onError)
  const http = new HttpServer({
    onError,
    limits,
    entrances,
    ...(options.lean === undefined ? {} : { lean: options.lean }),
    handle: (exchange) => parts.router?.handle(exchange),
    upgrade: (upgrade) => parts.router?.upgrade(upgrade),
    mountAt: (path) => parts.router?.mountAt(path),
  })
  const control =
    options.control ??
    new StandAlone({
      node,
      apply: (next) => server().apply(next),
      reload: options.reload,
    })
  const parts: Parts = {
    shared: {
      trust,
      entrances,
      wheel: new Wheel(limits.heartbeat || REVOLUTION),
      clock: options.clock ?? new Clock(),
      traffic: new TrafficTable(),
      errors,
      control,
      onError,
      held: () => parts.held as Held,
    },
    http,
    limits,
    draining: new Draining(onError),
    retired: new Retired(onError),
    node,
    incarnation,
    held: undefined,
    router: undefined,
    address: undefined,
    carried: new Map(),
    roles: options.roles,
    parked: new Map(),
    ...(options.url === undefined ? {} : { urlOf: options.url }),
  }
  return parts
}
