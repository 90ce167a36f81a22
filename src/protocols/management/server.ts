import { lookup } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import type { HttpLimits } from '../../http/limits.ts'
import type { Access } from '../../access/access.ts'
import type { Caller as AccessCaller } from '../../access/caller.ts'
import { entranceOf } from '../../config/entrance.ts'
import { isLoopback } from '../../access/peers.ts'
import type { Exchange } from '../../http/exchange.ts'
import { HttpServer } from '../../http/server.ts'
import { errorReply } from '../../http/reply.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { asFanfareError, FanfareError } from '../../model/errors.ts'
import type { MaybePromise } from '../../model/maybe.ts'
import { answerHealth } from '../../metrics/health.ts'
import { type TcpListener, urlHost } from '../../net/listener.ts'
import { Caller } from '../../services/run/caller.ts'
import type { DoorContext, Place } from '../door.ts'
import { refusal, refuse } from './answers.ts'
import type { ManagementConfig } from './config.ts'
import { ConsoleRoutes } from './console/index.ts'
import { CONSOLE } from './console/overview.ts'
import { Guard } from './guard.ts'
import { Heartbeats } from './heartbeat.ts'
import { MetricsRoute } from './metrics.ts'
import { Routes } from './routes.ts'

/** What JSON or a form has around a message of the largest size: other arguments, escapes. */
const AROUND_MESSAGE = 64 * 2 ** 10

/** What of the console shows something: it needs what a call needs. Its page does not. */
const CONSOLE_DATA = '/console/'

/** The port of the services and the console. */
export class ManagementServer {
  #config: ManagementConfig
  readonly #context: DoorContext
  #guard: Guard
  readonly #console: ConsoleRoutes
  readonly #routes: Routes
  readonly #heartbeats: Heartbeats
  readonly #metrics: MetricsRoute
  readonly #traffic: Traffic
  readonly #http: HttpServer
  readonly #limits: HttpLimits
  #address: AddressInfo | undefined

  constructor(config: ManagementConfig, context: DoorContext) {
    this.#config = config
    this.#context = context
    this.#traffic = context.traffic.of('management')
    this.#guard = new Guard(config, context.access)
    this.#console = new ConsoleRoutes(context)
    this.#heartbeats = new Heartbeats(context)
    this.#metrics = new MetricsRoute(context, [CONSOLE])
    const caller = new Caller({
      users: context.users,
      get config() {
        return context.config
      },
      control: context.control,
      traffic: context.traffic,
      counted: this.#traffic,
      place: () => {
        const { address: hostname, port } = this.#config
        return { hostname, port: this.#address?.port ?? port, scheme: this.#http.scheme }
      },
    })
    this.#routes = new Routes(caller, (error) => this.#failed(error))
    this.#limits = limitsOf(context)
    this.#http = new HttpServer({
      limits: this.#limits,
      maxConnections: config.maxConnections,
      entrances: context.entrances,
      reserved: true,
      handle: (exchange) => this.#handle(exchange),
      upgrade: (upgrade) =>
        upgrade.refuse(errorReply(upgrade, new FanfareError('unknown_location'), true)),
      refusal: (request, error) => {
        this.#traffic.refused++
        return refusal(request, error, true)
      },
      onError: (error, about) => context.onError(error, about),
    })
    this.#http.prepareEntrance(entranceOf(config, context.config))()
  }

  /**
   * @param former its port is taken over when it is the same
   * @throws Error when it could be reached from elsewhere and there is no key, or as node:net gives it
   */
  async listen(former?: TcpListener): Promise<Place> {
    const { address, key, port } = this.#config
    // What a name stands for must not change between looking and listening.
    const numeric = address === '' ? '' : await resolve(address)
    mustBeGuarded(key !== undefined || this.#context.access.hasManager, address, numeric)
    this.#address = await this.#http.listen(port, numeric, former, 'management')
    return this.#placeAt(this.#address)
  }

  /** As it is now; undefined: it does not listen. */
  get place(): Place | undefined {
    return this.#address && this.#placeAt(this.#address)
  }

  #placeAt(address: AddressInfo): Place {
    const url = `${this.#http.scheme}://${urlHost(address)}:${address.port}/`
    const secret = this.#config.key === undefined ? '' : ' -H "Authorization: Bearer KEY"'
    return { what: 'management', where: url, example: `curl${secret} ${url}user/listAll` }
  }

  get listener(): TcpListener {
    return this.#http.listener
  }

  /**
   * @param context of a configuration that is to hold
   * @returns what makes it hold here, for open connections, too; undefined: another port
   * @throws Error as `listen`
   */
  update(config: ManagementConfig, context: DoorContext): (() => void) | undefined {
    const { address, port, key } = this.#config
    if (config.address !== address || config.port !== port) return undefined
    const bound = this.#address?.address ?? address
    const guarded = config.key !== undefined || context.access.hasManager
    if (config.key !== key) mustBeGuarded(guarded, address, bound)
    const enter = this.#http.prepareEntrance(entranceOf(config, context.config))
    return () => {
      enter()
      this.#config = config
      this.#guard = new Guard(config, context.access)
      Object.assign(this.#limits, limitsOf(this.#context))
      this.#http.update(config.maxConnections)
    }
  }

  async drain(): Promise<void> {
    await this.#http.drain()
    this.#metrics.stop()
  }

  async close(): Promise<void> {
    this.#heartbeats.end()
    this.#metrics.stop()
    await this.#http.close()
  }

  #handle(exchange: Exchange): void {
    // Whoever watches over the process has no key, and asks by whatever name.
    if (answerHealth(exchange, this.#context.health)) return
    let called: MaybePromise<AccessCaller | undefined>
    try {
      this.#guard.mustBeOwn(exchange)
      if (!exchange.path.startsWith(CONSOLE_DATA) && this.#console.handle(exchange)) return
      called = this.#guard.mustCall(exchange)
    } catch (thrown) {
      // Not the console's own failures: those are the server's to report.
      if (!(thrown instanceof FanfareError)) throw thrown
      this.#refuse(exchange, thrown)
      return
    }
    if (!(called instanceof Promise)) {
      this.#called(exchange, called)
      return
    }
    exchange.hold({ left: () => {} })
    called
      .then((caller) => this.#called(exchange, caller))
      .catch((thrown: unknown) => refuse(exchange, this.#failed(thrown)))
  }

  #called(exchange: Exchange, caller: AccessCaller | undefined): void {
    if (caller) endWithKey(exchange, this.#context.access, caller)
    if (this.#console.handle(exchange) || this.#heartbeats.handle(exchange)) return
    if (this.#metrics.handle(exchange)) return
    this.#routes.handle(exchange)
  }

  #refuse(exchange: Exchange, error: FanfareError): void {
    this.#traffic.refused++
    refuse(exchange, error)
  }

  /** @returns what the client may be shown */
  #failed(thrown: unknown): FanfareError {
    const error = asFanfareError(thrown)
    if (error !== thrown) this.#context.onError(thrown)
    this.#traffic.refused++
    return error
  }
}

/** An answer without an end has one when the key that it was asked for with is no longer good. */
function endWithKey(exchange: Exchange, access: Access, caller: AccessCaller): void {
  const stream = exchange.stream.bind(exchange)
  exchange.stream = (head) => {
    const socket = stream(head)
    socket.once(
      'close',
      access.watch(caller, () => socket.end()),
    )
    return socket
  }
}

function limitsOf({ config: { limits } }: DoorContext): HttpLimits {
  return { ...limits, maxBodyBytes: limits.maxBodyBytes + AROUND_MESSAGE }
}

/** @throws Error when it can be reached from elsewhere, and there is no key */
function mustBeGuarded(guarded: boolean, address: string, numeric: string): void {
  if (guarded || isLoopback(numeric)) return
  throw new Error(
    `\`management.address\` is ${address === '' ? "'' (all interfaces)" : address}, which other ` +
      'machines can reach, and there is no `management.key`. Set one of 16 characters or more ' +
      '(in the environment: FANFARE_MANAGEMENT__KEY), make one that may manage ' +
      '(`fanfare key create NAME --manage`), or leave the address at 127.0.0.1.',
  )
}

/** @throws Error as node:dns gives it, naming the address as node:net would */
async function resolve(address: string): Promise<string> {
  try {
    return (await lookup(address)).address
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { address })
  }
}
