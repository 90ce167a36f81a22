import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Access } from '../access/access.ts'
import { Rates } from '../access/rates.ts'
import type { Limits, ResolvedConfig } from '../config/types.ts'
import { HttpServer } from '../http/server.ts'
import type { Hub } from '../hub/hub.ts'
import { RecentErrors } from '../hub/recent-errors.ts'
import { TrafficTable } from '../hub/traffic.ts'
import { Clock } from '../model/clock.ts'
import { FanfareError } from '../model/errors.ts'
import { Entrances } from '../net/entrance.ts'
import type { OnError } from '../model/events.ts'
import { Wheel } from '../net/wheel.ts'
import type { Place } from '../protocols/door.ts'
import type { Applied, Control } from '../services/control.ts'
import type { Users } from '../users/users.ts'
import { accessSettings } from './access-settings.ts'
import { Change } from './change.ts'
import { Draining } from './draining.ts'
import { leave } from './leave.ts'
import type { Held } from './lent.ts'
import { ServerHealth } from './health.ts'
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
  readonly onError?: OnError
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
   * @throws StartError when a port cannot be listened on, or a store or the keys cannot be opened; nothing is left open then
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

  /** It takes nothing more, and sends its clients elsewhere. */
  get draining(): boolean {
    return this.#parts.shared.life.draining
  }

  /**
   * Lets everybody go, for a stop that nobody has to be angry about: takes no more connections, answers what
   * was asked, and sends subscribers elsewhere, a few at a time. Only the management port goes on.
   * @returns once all have gone, or `limits.drainTimeout` is over; `stop` is to follow
   */
  async drain(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#stopped) await leave(this.#parts)
    })
  }

  /** Counts and reports what went wrong where nobody else could. */
  report(error: unknown): void {
    this.#parts.shared.onError(error)
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#stopped) return
      this.#stopped = true
      this.#parts.health.draining = true
      const { carried, draining, http, retired, shared } = this.#parts
      clearInterval(this.#sweeper)
      shared.wheel.stop()
      shared.access.stop()
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
    if (this.#stopped || this.draining) {
      throw new FanfareError('store_unavailable', 'The server is stopping.')
    }
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
    for (const store of this.#held.stores.values()) {
      try {
        store.sweep()
      } catch (error) {
        this.report(error)
      }
    }
  }
}

/** @throws StartError when keys cannot be read */
function accessOf(
  config: ResolvedConfig,
  limits: Limits,
  onError: (error: unknown) => void,
): Access {
  try {
    // The limits as they are at each publish.
    return new Access(accessSettings(config), onError, new Rates(() => limits.publishRate))
  } catch (error) {
    throw StartError.from(error, { part: 'access' })
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
  const onError: OnError = (error, about) => {
    errors.add(error, about?.door)
    options.onError?.(error, about)
  }
  const limits = { ...config.limits }
  const access = accessOf(config, limits, onError)
  const known = {
    isTrusted: (address: string) => access.trusts(address),
    isProxy: (address: string) => access.isProxy(address),
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
  const health = new ServerHealth(() => parts)
  const parts: Parts = {
    health,
    shared: {
      access,
      entrances,
      wheel: new Wheel(limits.heartbeat || REVOLUTION, undefined, onError),
      clock: options.clock ?? new Clock(),
      traffic: new TrafficTable(),
      errors,
      health,
      control,
      onError,
      life: { draining: false },
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
