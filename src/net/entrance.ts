/** What a connection passes before its door hears of it: the counts, a proxy's header, TLS. */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type ConnectionLimits, Connections } from './connections.ts'
import { TLS_HANDSHAKE } from './foreign.ts'
import { readProxyHeader } from './proxy-protocol.ts'
import { TlsCache, type TlsFiles, type TlsOptions } from './tls-files.ts'

/** What a configuration says of a port. */
export interface EntranceSettings {
  readonly tls: false | TlsOptions
  /** Connections begin with a proxy's header. */
  readonly proxyProtocol: boolean
}

/** What a door says of its port, whatever the configuration. */
export interface EntranceOptions {
  /** Has room of its own: its connections count, and are never refused for how many all are. */
  readonly reserved?: boolean
  /** Protocols that clients may choose between (ALPN); without it, nobody is asked. */
  readonly protocols?: readonly string[]
  /** What whoever does not speak TLS is told where it is spoken. */
  readonly notTls?: Buffer
  /** Ends a connection for which there is no room, in the door's own words. */
  readonly full?: (socket: Socket) => void
}

export interface EntranceLimits extends ConnectionLimits {
  /** ms that a proxy's header and a TLS handshake may take together. */
  readonly handshakeTimeout: number
}

/** Addresses that are treated in their own ways; asked at each connection. */
export interface Known {
  isTrusted(address: string): boolean
  isProxy(address: string): boolean
}

/** How often it is looked for connections that have not said enough, in ms. */
const LOOK = 250

/** What all ports of a server share. */
export class Entrances {
  readonly connections: Connections
  readonly limits: EntranceLimits
  readonly known: Known
  readonly tls: TlsCache
  /** Connections that were closed before they were any door's, since the start. */
  failed = 0
  /** Connections that are not any door's yet, and since when, in ms; oldest first. */
  readonly #arriving = new Map<Socket, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(limits: EntranceLimits, known: Known, onError: (error: unknown) => void) {
    this.limits = limits
    this.known = known
    const isExempt = (address: string): boolean =>
      known.isTrusted(address) || known.isProxy(address)
    this.connections = new Connections(limits, isExempt, onError)
    this.tls = new TlsCache(onError)
  }

  /** @throws Error that names the file which cannot be used */
  open(settings: EntranceSettings, options: EntranceOptions = {}): Entrance {
    return new Entrance(this, settings, options)
  }

  start(): void {
    this.connections.start()
  }

  stop(): void {
    this.connections.stop()
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** A connection is closed unless it has arrived in time. */
  arriving(socket: Socket): void {
    // Behind all others, also when it was among them.
    this.#arriving.delete(socket)
    this.#arriving.set(socket, performance.now())
    this.#timer ??= setInterval(() => this.#look(), LOOK).unref()
  }

  arrived(socket: Socket): void {
    this.#arriving.delete(socket)
  }

  #look(): void {
    const late = performance.now() - this.limits.handshakeTimeout
    for (const [socket, since] of this.#arriving) {
      if (since > late) break
      this.#arriving.delete(socket)
      this.failed++
      socket.destroy()
    }
    if (this.#arriving.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** The entrance of one door, which may listen at several places while it moves. */
export class Entrance {
  readonly shared: Entrances
  readonly #options: EntranceOptions
  #settings: EntranceSettings
  #files: TlsFiles | undefined
  #server: Server | undefined
  #listeners = 0
  readonly #again = (): void => {
    if (this.#files) this.#server?.setSecureContext(this.#files.context)
  }

  /** See `Entrances.open`. */
  constructor(shared: Entrances, settings: EntranceSettings, options: EntranceOptions) {
    this.shared = shared
    this.#options = options
    this.#settings = settings
    this.#use(settings, this.#load(settings))
  }

  get hasTls(): boolean {
    return this.#files !== undefined
  }

  /** Nothing stands between a connection and its door. */
  get isOpen(): boolean {
    return this.#files === undefined && !this.#settings.proxyProtocol
  }

  /**
   * Looks whether other settings can hold.
   * @returns what makes them hold, for connections that come from then on
   * @throws Error that names the file which cannot be used
   */
  prepare(settings: EntranceSettings): () => void {
    const files = this.#load(settings)
    return () => this.#use(settings, files)
  }

  /** Somebody listens from now on, until `close`. */
  listen(): void {
    this.#listeners++
    if (this.#listeners === 1) this.#files?.follow(this.#again)
  }

  close(): void {
    this.#listeners--
    if (this.#listeners === 0) this.#files?.leave(this.#again)
  }

  /** @returns whether there is room for this connection; if there is none, it is refused */
  admits(socket: Socket, isLocal: boolean): boolean {
    const { connections } = this.shared
    const { reserved, full } = this.#options
    if (reserved) connections.enterAnyway()
    else if (!connections.enter()) {
      this.#refuse(socket, full)
      return false
    }
    // Of whom a proxy speaks for is known later.
    if (isLocal || this.#settings.proxyProtocol) return true
    if (connections.claim(socket, socket.remoteAddress ?? '')) return true
    connections.leave()
    this.#refuse(socket, full)
    return false
  }

  #refuse(socket: Socket, full: EntranceOptions['full']): void {
    socket.on('error', ignore)
    if (full && this.isOpen) full(socket)
    else socket.destroy()
  }

  /** Has a connection say what it has to, and then gives it to its door, as the socket to be spoken on. */
  receive(socket: Socket, enter: (socket: Socket) => void): void {
    const { known } = this.shared
    if (this.#settings.proxyProtocol && !known.isProxy(socket.remoteAddress ?? '')) {
      this.#drop(socket)
      return
    }
    const arrival = new Arrival(socket, this.#settings.proxyProtocol, this.#server, {
      enter: (entered) => {
        this.shared.arrived(socket)
        enter(entered)
      },
      claim: (address) => this.shared.connections.claim(socket, address),
      drop: () => this.#drop(socket),
      notTls: () => this.#sayNotTls(socket),
    })
    ARRIVALS.set(socket, arrival)
    this.shared.arriving(socket)
    socket.on('close', () => this.shared.arrived(socket))
  }

  #drop(socket: Socket): void {
    this.shared.failed++
    socket.destroy()
  }

  #sayNotTls(socket: Socket): void {
    const { notTls } = this.#options
    this.shared.failed++
    if (!notTls) {
      socket.destroy()
      return
    }
    // What is still sent is not read: the kernel would answer it with a reset, and the words were lost.
    socket.on('data', ignore)
    socket.resume()
    socket.end(notTls)
    // It is closed in time in any case.
    this.shared.arriving(socket)
  }

  #load({ tls }: EntranceSettings): TlsFiles | undefined {
    return tls === false ? undefined : this.shared.tls.get(tls)
  }

  #use(settings: EntranceSettings, files: TlsFiles | undefined): void {
    const former = this.#files
    this.#settings = settings
    this.#files = files
    if (this.#listeners > 0) {
      files?.follow(this.#again)
      if (former !== files) former?.leave(this.#again)
    }
    this.#server = files && this.#serverOf(files)
  }

  /** Shakes hands. It listens to nothing: connections are given to it. */
  #serverOf(files: TlsFiles): Server {
    const { clientCertificates } = files.options
    const { protocols } = this.#options
    const server = createServer({
      ...files.context,
      SNICallback: (name, use) => use(null, files.contextFor(name)),
      requestCert: clientCertificates !== 'none',
      rejectUnauthorized: clientCertificates === 'require',
      // It is bounded by `arriving`, together with what comes before it.
      handshakeTimeout: 2 ** 31 - 1,
      ...(protocols ? { ALPNProtocols: [...protocols] } : {}),
    })
    server.on('secureConnection', (socket) => secured(socket, clientCertificates))
    server.on('tlsClientError', (_error, socket) => {
      this.shared.failed++
      socket.destroy()
    })
    return server
  }
}

/** Who waits for a handshake, by the socket under it. */
const ARRIVALS = new WeakMap<Socket, Arrival>()

interface Arriving {
  enter(socket: Socket): void
  claim(address: string): boolean
  drop(): void
  notTls(): void
}

/** A connection that is not its door's yet. */
class Arrival {
  readonly #socket: Socket
  readonly #server: Server | undefined
  readonly #to: Arriving
  /** A proxy's header is to come. */
  #proxied: boolean
  #peer: { address: string; port: number } | undefined
  #read: Buffer | undefined

  constructor(socket: Socket, proxied: boolean, server: Server | undefined, to: Arriving) {
    this.#socket = socket
    this.#proxied = proxied
    this.#server = server
    this.#to = to
    socket.on('data', this.#take)
    socket.on('end', this.#ended)
  }

  readonly #take = (bytes: Buffer): void => {
    this.#read = this.#read ? Buffer.concat([this.#read, bytes]) : bytes
    if (this.#proxied && !this.#takeHeader(this.#read)) return
    const [first] = this.#read
    if (this.#server === undefined) this.#goOn()
    else if (first === TLS_HANDSHAKE) this.#goOn(this.#server)
    else if (first !== undefined) {
      this.#letGo()
      this.#to.notTls()
    }
  }

  readonly #ended = (): void => this.#to.drop()

  /** @returns whether it has come whole */
  #takeHeader(bytes: Buffer): boolean {
    const header = readProxyHeader(bytes)
    if (header === 'more') return false
    if (header === 'wrong') {
      this.#letGo()
      this.#to.drop()
      return false
    }
    if (!this.#to.claim(header.address)) {
      // That is counted already.
      this.#letGo()
      this.#socket.destroy()
      return false
    }
    this.#proxied = false
    this.#peer = header
    this.#read = bytes.subarray(header.end)
    isFrom(this.#socket, header)
    return true
  }

  #letGo(): void {
    this.#socket.off('data', this.#take)
    this.#socket.off('end', this.#ended)
  }

  #goOn(server?: Server): void {
    const socket = this.#socket
    this.#letGo()
    socket.pause()
    if (this.#read && this.#read.length > 0) socket.unshift(this.#read)
    this.#read = undefined
    if (server) server.emit('connection', socket)
    else {
      this.#to.enter(socket)
      socket.resume()
    }
  }

  secured(socket: TLSSocket): void {
    if (this.#peer) isFrom(socket, this.#peer)
    this.#to.enter(socket)
  }

  refuse(): void {
    this.#to.drop()
  }
}

/** Hands were shaken. */
function secured(socket: TLSSocket, asked: TlsOptions['clientCertificates']): void {
  const { _parent: parent } = socket as TLSSocket & { readonly _parent?: Socket }
  const arrival = parent && ARRIVALS.get(parent)
  const shown = asked === 'request' && Object.keys(socket.getPeerCertificate()).length > 0
  socket.on('error', ignore)
  if (!arrival) socket.destroy()
  // Whoever shows something shows something that is right, or is not let in.
  else if (shown && !socket.authorized) arrival.refuse()
  else arrival.secured(socket)
}

/** Everybody who asks a socket for its peer is told this. */
function isFrom(socket: Socket, { address, port }: { address: string; port: number }): void {
  const family = address === '' ? undefined : address.includes(':') ? 'IPv6' : 'IPv4'
  for (const [name, value] of [
    ['remoteAddress', address],
    ['remotePort', port],
    ['remoteFamily', family],
  ]) {
    Object.defineProperty(socket, String(name), { value, configurable: true, enumerable: true })
  }
}

/** The close that follows is what counts. */
function ignore(): void {}
