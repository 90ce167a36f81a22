import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { Server } from 'socket.io'
import { isForeign, type Credentials } from '../../access/trust.ts'
import { doorOf } from '../../config/types.ts'
import { Cors } from '../../http/cors.ts'
import type { Mount } from '../../http/mount.ts'
import type { Traffic } from '../../hub/traffic.ts'
import { asFanfareError } from '../../model/errors.ts'
import type { Door, DoorContext, Leaver, Running } from '../door.ts'
import { connectionErrors } from '../reporting.ts'
import { PREFIX, type SocketIoConfig, socketioConfig, socketioKey } from './config.ts'
import { Connection, type ConnectionHost } from './connection.ts'
import { EventEncoder } from './encoder.ts'
import {
  connectionsOf,
  type EngineSocket,
  type IoServer,
  type IoSocket,
  RawWebSocketServer,
  sendAway,
  setMaxBytes,
} from './engine.ts'
import { Logins } from './login.ts'
import { Recovery } from './recovery.ts'

/** What runs for each server; `start` finds here what `mount` made. */
const mounted = new WeakMap<DoorContext, SocketIoMount>()

export const socketio: Door = {
  name: 'socketio',
  config: socketioConfig,
  usesUsers: true,
  mount(context) {
    const options = doorOf(context.config, 'socketio', socketioKey)
    if (options === false) return undefined
    const mount = new SocketIoMount(context, options)
    mounted.set(context, mount)
    return mount
  },
  start(context): Running | undefined {
    const mount = mounted.get(context)
    return (
      mount && {
        places: [],
        update: (next) => mount.update(next),
        leavers: () => mount.leavers(),
        stop: () => mount.stop(),
      }
    )
  },
}

class SocketIoMount implements Mount {
  readonly prefix = PREFIX
  readonly #context: DoorContext
  #options: SocketIoConfig
  #cors: Cors
  readonly #traffic: Traffic
  readonly #host: ConnectionHost
  readonly #logins: Logins
  readonly #recovery: Recovery
  /** It listens to nothing: requests are handed to it. */
  readonly #http: HttpServer
  readonly #io: IoServer
  readonly #connections = new WeakMap<EngineSocket, Connection>()
  /** Connections that have not logged in. */
  #waiting = 0

  constructor(context: DoorContext, options: SocketIoConfig) {
    const { users, config, traffic } = context
    const { limits } = config
    const { authenticationTimeOut } = users.config
    this.#context = context
    this.#options = options
    this.#cors = new Cors(options, { allow: '', expose: '' })
    this.#traffic = traffic.of('socketio')
    const encoders = [0, 1, 2, 3].map(
      (form) => new EventEncoder({ envelope: (form & 1) !== 0, offsets: (form & 2) !== 0 }),
    )
    this.#logins = new Logins(users.sessions, context.access)
    this.#recovery = new Recovery(options.recoveryTime, options.maxRecoveries)
    this.#host = {
      hub: users.hub,
      users,
      access: context.access,
      logins: this.#logins,
      recovery: this.#recovery,
      traffic: this.#traffic,
      // As they are now, for connections that are open, too.
      get maxChannels() {
        return limits.maxSubscriptions
      },
      get maxBodyBytes() {
        return limits.maxBodyBytes
      },
      get maxUnsentBytes() {
        return limits.maxUnsentBytes
      },
      encoder: ({ envelope, offsets }) =>
        encoders[(envelope ? 1 : 0) + (offsets ? 2 : 0)] as EventEncoder,
      waitsNoMore: () => {
        this.#waiting--
      },
      onError: connectionErrors(context),
    }
    this.#http = createServer((_request, response) => {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
      response.end('404 unknown_location: Socket.IO is at /socket.io/, with the / at the end.\n')
    })
    this.#io = new Server(this.#http, {
      path: PREFIX,
      allowEIO3: true,
      // One frame is for everybody.
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize: limits.maxBodyBytes,
      connectTimeout: authenticationTimeOut,
      wsEngine: RawWebSocketServer,
      allowRequest: (request, answer) => this.#judge(request, answer),
      cors: (_request, then) => then(null, corsOf(this.#cors, this.#options)),
    })
    this.#io.engine.on('connection', (conn: EngineSocket) => {
      try {
        this.#arrived(conn)
      } catch (error) {
        // As below.
        this.#host.onError(error)
        conn.close()
      }
    })
    this.#io.use((socket, next) => {
      this.#admit(socket).then(
        () => next(),
        (error: unknown) => next(this.#refusal(socket, error)),
      )
    })
    this.#io.on('connection', (socket) => this.#opened(socket))
  }

  request(...args: Parameters<Mount['request']>): void {
    this.#http.emit('request', ...args)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#http.emit('upgrade', request, socket, head)
  }

  /** @returns what makes another configuration hold, for connections that are open, too */
  update(context: DoorContext): (() => void) | undefined {
    const options = doorOf(context.config, 'socketio', socketioKey)
    if (options === false || context.users !== this.#context.users) return undefined
    return () => {
      const { users, config } = this.#context
      this.#options = options
      this.#cors = new Cors(options, { allow: '', expose: '' })
      this.#recovery.update(options.recoveryTime, options.maxRecoveries)
      this.#io.connectTimeout(users.config.authenticationTimeOut)
      setMaxBytes(this.#io, config.limits.maxBodyBytes)
    }
  }

  leavers(): readonly Leaver[] {
    return connectionsOf(this.#io).map((conn) => ({
      leave: () => {
        const connection = this.#connections.get(conn)
        if (connection) connection.leave()
        else sendAway(conn)
      },
    }))
  }

  /** Clients see their transport close, and come back when they can. */
  stop(): void {
    this.#io.engine.close()
  }

  #judge(request: IncomingMessage, answer: (why: string | null, success: boolean) => void): void {
    const credentials = credentialsOf(request)
    if (isForeign(credentials) && !this.#cors.allows(credentials.header('origin') ?? '')) {
      this.#traffic.refused++
      answer(
        'foreign_origin: Pages of other origins may not use this; see socketio.allow_origin.',
        false,
      )
    } else if (this.#waiting >= this.#options.maxWaiting) {
      this.#traffic.refused++
      answer('too_many: Too many connections have not logged in yet; try again in a moment.', false)
    } else answer(null, true)
  }

  #arrived(conn: EngineSocket): void {
    const { access, users } = this.#context
    const credentials = credentialsOf(conn.request)
    const peer = access.clientOf(credentials) ?? credentials.peer
    this.#traffic.opened()
    conn.once('close', () => this.#traffic.closed())
    const patience = users.config.authenticationTimeOut
    this.#connections.set(conn, new Connection(this.#host, conn, peer, patience))
    this.#waiting++
  }

  async #admit(socket: IoSocket): Promise<void> {
    await this.#connections.get(socket.conn)?.admit(socket)
  }

  #opened(socket: IoSocket): void {
    try {
      this.#connections.get(socket.conn)?.opened(socket)
    } catch (error) {
      // Thrown into Socket.IO it would end the process.
      this.#host.onError(error, this.#peerOf(socket))
      socket.disconnect(true)
    }
  }

  #peerOf({ conn }: IoSocket): string | undefined {
    return this.#connections.get(conn)?.peer
  }

  #refusal(socket: IoSocket, thrown: unknown): Error {
    const error = asFanfareError(thrown)
    if (error !== thrown) this.#host.onError(thrown, this.#peerOf(socket))
    const { code, message } = error
    return Object.assign(new Error(message), { data: { code, message } })
  }
}

function credentialsOf(request: IncomingMessage): Credentials {
  return {
    peer: request.socket.remoteAddress ?? '',
    header: (name) => {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
  }
}

/** Socket.IO writes the headers for pages of other origins itself. */
function corsOf(cors: Cors, { allow_credentials: credentials }: SocketIoConfig): CorsOptions {
  if (!cors.enabled) return { origin: false }
  const any = cors.origins.includes('*')
  return { origin: any ? (credentials ? true : '*') : [...cors.origins], credentials }
}

interface CorsOptions {
  origin: boolean | string | string[]
  credentials?: boolean
}
