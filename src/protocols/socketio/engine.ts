/**
 * What of Socket.IO's insides is used here, which its types do not show. Everything that could break with
 * another version of it is in this file.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Server, Socket } from 'socket.io'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { ClosingWebSocket } from '../../http/closing.ts'
import { unsentOf, writeTo } from '../../net/straight.ts'
import { textFrame } from '../../net/text-frame.ts'

type Events = Record<string, (...args: unknown[]) => void>
export type IoServer = Server<Events, Events, Events, unknown>
export type IoSocket = Socket<Events, Events, Events, unknown>
/** A connection of Engine.IO, whatever carries it. */
export type EngineSocket = IoSocket['conn']
export type Transport = EngineSocket['transport']

/** Longer texts are given to the socket's stream, which tells when they have gone. */
const MOST_STRAIGHT = 16 * 2 ** 10

type SendOptions = Parameters<WebSocket['send']>[1]

/** What Engine.IO says is mostly short, and goes straight to the socket while nothing is unsent. */
class StraightWebSocket extends ClosingWebSocket {
  raw: NetSocket | undefined

  override send(data: unknown, ...rest: unknown[]): void {
    const { raw } = this
    const isShort = typeof data === 'string' && data.length <= MOST_STRAIGHT
    if (!isShort || !raw || this.readyState !== this.OPEN || unsentOf(raw) > 0) {
      super.send(data as string, ...(rest as [SendOptions]))
      return
    }
    writeTo(raw, textFrame(data))
    const sent = rest.at(-1)
    if (typeof sent === 'function') process.nextTick(sent)
  }
}

/** Has each WebSocket know what socket it writes to. */
export class RawWebSocketServer extends WebSocketServer {
  constructor(options: ServerOptions) {
    super({ ...options, WebSocket: StraightWebSocket })
  }

  override handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    accepted: (webSocket: WebSocket, request: IncomingMessage) => void,
  ): void {
    super.handleUpgrade(request, socket, head, (webSocket) => {
      ;(webSocket as StraightWebSocket).raw = socket as NetSocket
      accepted(webSocket, request)
    })
  }
}

/** A WebSocket, and the socket that it writes whole frames to. */
export interface Direct {
  readonly webSocket: ClosingWebSocket
  readonly socket: NetSocket
}

/** Undefined for transports that are no WebSocket. */
export function directOf(transport: Transport): Direct | undefined {
  const { socket: webSocket } = transport as unknown as { readonly socket?: WebSocket }
  if (!(webSocket instanceof StraightWebSocket) || !webSocket.raw) return undefined
  return { webSocket, socket: webSocket.raw }
}

/**
 * Sends a client away. It is told that its transport closes, and has the end of the stream behind that: whoever does
 * not answer need not be waited for. May be called again.
 */
export function sendAway(conn: EngineSocket): void {
  const direct = directOf(conn.transport)
  conn.close()
  // What is still in the queue goes first.
  if (direct && direct.webSocket.readyState > direct.webSocket.OPEN) direct.socket.end()
}

/** All connections, whether they have a session or not. */
export function connectionsOf(io: IoServer): EngineSocket[] {
  return Object.values((io.engine as unknown as EngineInside).clients)
}

/** Packets that wait until the transport takes them. */
export function waitingPackets(conn: EngineSocket): number {
  return (conn as unknown as { readonly writeBuffer: readonly unknown[] }).writeBuffer.length
}

/** What the answer to CONNECT calls the session, so that its client can come back to it. */
export function setPid(socket: IoSocket, pid: string): void {
  Object.assign(socket, { pid })
}

/** The first request of a connection is needed no more, and is the largest thing that it keeps. */
export function forgetRequest(conn: EngineSocket): void {
  Object.assign(conn, { request: undefined })
}

/** Of connections to come: what one of their messages has at most. */
export function setMaxBytes(io: IoServer, bytes: number): void {
  const { opts, ws } = io.engine as unknown as EngineInside
  opts.maxHttpBufferSize = bytes
  if (ws) ws.options.maxPayload = bytes
}

interface EngineInside {
  readonly clients: Readonly<Record<string, EngineSocket>>
  readonly opts: { maxHttpBufferSize: number }
  readonly ws?: { readonly options: { maxPayload?: number } }
}
