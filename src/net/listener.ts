import {
  type AddressInfo,
  createServer,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import type { Entrance } from './entrance.ts'
import { contained, type OnConnectionError } from './contained.ts'
import { takeInherited } from './inherited.ts'

/** After how long without a byte the kernel asks whether the client is still there, in ms. */
const KEEP_ALIVE = 60_000

/** Between two attempts to open a port again, in ms: doubled from the first to the last. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 10_000

export interface ListenerOptions {
  /** Connections at once; more are closed without a word. */
  readonly most?: number
  /** Whether a client that has said all it had to say still gets its answers. */
  readonly allowHalfOpen?: boolean
  /** After how long without a byte the kernel asks whether the client is there, in ms; 0 = never. */
  readonly keepAlive?: number
  /** What every connection passes first; on a UNIX socket it is only counted. */
  readonly entrance?: Entrance
}

/** Where to listen: a port of an address ('' = all interfaces; 0 = any free one), or a UNIX socket. */
export type Where = { readonly port: number; readonly address: string } | { readonly path: string }

/** @param address for a door that has none of its own */
export function whereOf(
  door: { readonly port: number; readonly address?: string | undefined },
  address: string,
): Where {
  return { port: door.port, address: door.address ?? address }
}

/** What is listened with; whose its connections are may change. */
interface Handle {
  readonly server: Server
  owner: TcpListener
}

/** A TCP port or a UNIX socket, and all connections that were made to it. */
export class TcpListener {
  readonly #accept: (socket: Socket) => void
  readonly #onError: OnConnectionError
  readonly #options: ListenerOptions
  readonly #open = new Set<Socket>()
  /** There is no entrance, but for the counts. */
  #isOpen = false
  #most: number
  #where: Where | undefined
  #handle: Handle | undefined
  /** Who takes over when this one is drained, and whom this one will take over. */
  #next: TcpListener | undefined
  #former: TcpListener | undefined
  #whenEmpty: (() => void)[] = []

  /**
   * @param accept gets each connection; every write on it goes out at once
   * @param onError hears of connections that could not be accepted
   */
  constructor(
    accept: (socket: Socket) => void,
    onError: OnConnectionError,
    options: ListenerOptions = {},
  ) {
    this.#accept = accept
    this.#onError = onError
    this.#options = options
    this.#most = options.most ?? Number.POSITIVE_INFINITY
  }

  /**
   * @param former listens in the place of this one until it is drained: if it does so at the same place,
   * its port is handed over at that moment, without a connection being refused
   * @param name what a service manager calls its socket, which is taken in place of `where` if there is one
   * @returns the address; undefined for a UNIX socket
   * @throws Error as node:net gives it
   */
  async listen(
    where: Where,
    former?: TcpListener,
    name?: string,
  ): Promise<AddressInfo | undefined> {
    this.#where = where
    this.#isOpen = 'path' in where
    if (former?.isAt(where)) {
      former.#next = this
      this.#former = former
      this.#options.entrance?.listen()
      return former.address
    }
    const fd = takeInherited(name)
    const server = await this.#begin(fd === undefined ? placeOf(where) : { fd })
    return addressOf(server)
  }

  async #begin(place: Place): Promise<Server> {
    const { allowHalfOpen = false, keepAlive = KEEP_ALIVE } = this.#options
    const options = {
      allowHalfOpen,
      noDelay: true,
      ...(keepAlive > 0 ? { keepAlive: true, keepAliveInitialDelay: keepAlive } : {}),
    }
    const server = createServer(options, (socket) => made.owner.#accepted(socket))
    const made: Handle = { server, owner: this }
    await listenOn(server, place, (error) => made.owner.#onError(error))
    // Any free port is this one from now on.
    const { address: host, port } = addressOf(server) ?? {}
    const again = port === undefined ? place : { port, host }
    server.on('close', () => made.owner.#died(made, again))
    this.#handle = made
    this.#options.entrance?.listen()
    this.#bound()
    return server
  }

  /** A port that was closed and not given up is listened on again, at the same place. */
  #died(handle: Handle, place: Place): void {
    if (this.#handle !== handle) return
    this.#onError(new Error(`the port ${nameOf(place)} was closed; it is opened again`))
    const again = (pause: number): void => {
      if (this.#handle !== handle) return
      this.#begin(place).catch((error: unknown) => {
        this.#onError(error)
        setTimeout(() => again(Math.min(2 * pause, LONGEST_PAUSE)), pause).unref()
      })
    }
    again(FIRST_PAUSE)
  }

  /** Whether it listens there: as it was asked to, so that any free port is the same as any other. */
  isAt(where: Where): boolean {
    const own = this.#where
    if (!own || !this.#handle) return false
    if ('path' in own || 'path' in where) {
      return 'path' in own && 'path' in where && own.path === where.path
    }
    return own.port === where.port && own.address === where.address
  }

  /** Undefined when it listens to no port. */
  get address(): AddressInfo | undefined {
    if (this.#former) return this.#former.address
    return this.#handle && addressOf(this.#handle.server)
  }

  /** Whether it takes connections. */
  get listening(): boolean {
    return this.#former?.listening ?? this.#handle?.server.listening ?? false
  }

  /** How many connections are open. */
  get size(): number {
    return this.#open.size
  }

  /** Connections at once; those beyond that are open already stay. */
  set most(most: number) {
    this.#most = most
    this.#bound()
  }

  /**
   * Takes no more connections: from now on they are those of whoever took over, or refused. Those it has
   * stay.
   * @returns once the last of them has closed
   */
  drain(): Promise<void> {
    this.#letGo()
    return this.#empty()
  }

  /** Closes connections that were ended, and whose clients have had everything but do not close theirs. */
  closeEnded(): void {
    for (const socket of this.#open) if (socket.writableFinished) socket.destroy()
  }

  /** Closes the port and every connection. */
  async close(): Promise<void> {
    this.#letGo()
    for (const socket of this.#open) socket.destroy()
    await this.#empty()
  }

  #letGo(): void {
    const former = this.#former
    if (former) former.#next = undefined
    if (former || this.#handle) this.#options.entrance?.close()
    this.#former = undefined
    const handle = this.#handle
    const next = this.#next
    this.#handle = undefined
    this.#next = undefined
    if (!handle) return
    if (next) {
      handle.owner = next
      next.#handle = handle
      next.#former = undefined
      next.#bound()
    } else handle.server.close()
  }

  async #empty(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  #bound(): void {
    if (!this.#handle || !Number.isFinite(this.#most)) return
    this.#handle.server.maxConnections = this.#most
  }

  #accepted(socket: Socket): void {
    const { entrance } = this.#options
    if (entrance) {
      if (!entrance.admits(socket, this.#isOpen)) return
      if (this.#open.size === 0) entrance.shared.connections.watch(this.#open)
    }
    this.#open.add(socket)
    socket.on('close', () => this.#closed(socket))
    // The close that follows is what counts.
    socket.on('error', ignore)
    if (!entrance || this.#isOpen || entrance.isOpen) this.#serve(socket)
    else entrance.receive(socket, (entered) => this.#entered(socket, entered))
  }

  /** @param socket what is spoken on; `below` is under it, or the same */
  #entered(below: Socket, socket: Socket): void {
    if (socket !== below) {
      this.#open.delete(below)
      this.#open.add(socket)
      socket.on('close', () => this.#gone(socket))
    }
    this.#serve(socket)
  }

  #serve(socket: Socket): void {
    contained(socket, this.#onError, () => this.#accept(socket))
  }

  #closed(socket: Socket): void {
    const { entrance } = this.#options
    if (entrance) {
      entrance.shared.connections.leave()
      entrance.shared.connections.release(socket)
    }
    this.#gone(socket)
  }

  #gone(socket: Socket): void {
    this.#open.delete(socket)
    if (this.#open.size > 0 || this.#whenEmpty.length === 0) return
    const waiting = this.#whenEmpty
    this.#whenEmpty = []
    for (const resolve of waiting) resolve()
  }
}

type Place = ListenOptions & { readonly fd?: number }

function placeOf(where: Where): Place {
  return 'path' in where ? { path: where.path } : portOf(where.port, where.address)
}

function nameOf({ path, host, port }: Place): string {
  return path ?? `${host}:${port}`
}

function addressOf(server: Server): AddressInfo | undefined {
  const address = server.address()
  return typeof address === 'string' ? undefined : (address ?? undefined)
}

function ignore(): void {}

/** A port as node:net wants it. @param address '' = all interfaces */
export function portOf(port: number, address: string): ListenOptions {
  return address === '' ? { port } : { port, host: address }
}

/**
 * Listens, with room for a burst of connections.
 * @param onError hears of connections that could not be accepted, say for want of file descriptors
 * @throws Error as node:net gives it
 */
export function listenOn(
  server: Server,
  where: Place,
  onError: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, backlog: 4096 }, () => {
      server.off('error', reject)
      server.on('error', onError)
      resolve()
    })
  })
}

/** The command of a shell that sends lines there, for people to try. @param host as in a URL */
export function pipeTo(host: string, port: number, tls: boolean): string {
  return tls
    ? `openssl s_client -quiet -no_ign_eof -connect ${host}:${port}`
    : `nc -N ${host.replace(/[[\]]/g, '')} ${port}`
}

/** An address that was listened on, as it stands in a URL. */
export function urlHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost'
  return family === 'IPv6' ? `[${address}]` : address
}
