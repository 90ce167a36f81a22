import type { Socket } from 'node:net'

/**
 * Writing to a socket's handle without the stream in front of it.
 *
 * A stream's write costs more than half of what a fan-out spends outside the kernel: a request object, a
 * state object and a tick for each, although nearly every write is done when the call returns. The
 * handle takes bytes just as net.Socket gives them to it; what it cannot write at once, libuv queues in
 * the same order as the stream's own. Where Node does not offer this, or a socket has anything of its
 * own to say first (unsent bytes of the stream, TLS), the stream is written to as ever.
 */

/** libuv's stream, as net.Socket has it. */
export interface Handle {
  /** @returns 0, or libuv's error. */
  writeBuffer(request: WriteRequest, bytes: Buffer): number
  /** The same, of one byte a character; what it cannot write at once it copies. */
  writeLatin1String(request: WriteRequest, text: string): number
  /** Bytes that the kernel has not taken. */
  readonly writeQueueSize: number
}

/** Only one that was not done when `writeBuffer` returned belongs to the handle. */
interface WriteRequest {
  oncomplete?: (this: WriteRequest, status: number) => void
  /** Keeps the bytes alive while libuv has them. */
  buffer?: Buffer
  socket?: StraightSocket
}

interface Binding {
  readonly WriteWrap: new () => WriteRequest
  readonly streamBaseState: Int32Array
  readonly kLastWriteWasAsync: number
  readonly kReadBytesOrError: number
}

/** Writes that libuv has queued for a socket. */
const queued = Symbol('queued writes')
/** Of all sockets: mostly none, and then no socket has to be asked. */
let queuedInAll = 0

interface StraightSocket extends Socket {
  readonly _handle?: Handle | null
  [queued]?: number
}

/** Undefined where Node does not give it out. */
export const binding = find()
/** For the next write; one that is done at once leaves no trace on it. */
let request = binding && new binding.WriteWrap()

/** Whether this Node lets anybody write so. */
export const isStraight = binding !== undefined

/**
 * Sends bytes, like `socket.write`. They MUST NOT change while `unsentOf` is not 0.
 * @returns what `writeOn` may write to from now on, if all is sent: until anybody writes by the stream
 */
export function writeTo(socket: Socket, bytes: Buffer): Handle | undefined {
  const handle = handleOf(socket)
  if (request === undefined || !handle) {
    socket.write(bytes)
    return undefined
  }
  const sent = writeOn(socket, handle, bytes)
  return sent && !(socket as StraightSocket)[queued] ? handle : undefined
}

/**
 * The same to a handle that `writeTo` gave, without a look at its socket: of many connections that would be
 * far memory, for each write as much as the rest of it outside the kernel.
 * @returns whether all was sent; if not, the next write is one for `writeTo` again
 */
export function writeOn(socket: Socket, handle: Handle, bytes: Buffer): boolean {
  if (request === undefined) return false
  const error = handle.writeBuffer(request, bytes)
  if (error !== 0) {
    // Of a socket that was ended meanwhile, what comes before the end is still sent.
    if (!socket.writableEnded) socket.destroy()
    return false
  }
  if (binding?.streamBaseState[binding.kLastWriteWasAsync] === 0) return true
  keep(socket, request, bytes)
  return false
}

/** Sends text of one byte a character: what is written once only needs no Buffer. */
export function writeTextTo(socket: Socket, text: string): void {
  const handle = handleOf(socket)
  if (request === undefined || !handle) {
    socket.write(text, 'latin1')
    return
  }
  const error = handle.writeLatin1String(request, text)
  if (error !== 0) socket.destroy()
  else if (binding?.streamBaseState[binding.kLastWriteWasAsync] !== 0) keep(socket, request)
}

/** The handle, where it may be written to; undefined where the stream has to be. */
function handleOf(socket: Socket): Handle | undefined {
  const { _handle: handle } = socket as StraightSocket
  return handle &&
    socket.writableLength === 0 &&
    socket.writableCorked === 0 &&
    isPlain(handle) &&
    socket.writable
    ? handle
    : undefined
}

/** Bytes that were written, by the stream or straight, and that the kernel has not taken yet. */
export function unsentOf(socket: Socket): number {
  const { writableLength } = socket
  if (queuedInAll === 0 || !(socket as StraightSocket)[queued]) return writableLength
  // Of both kinds at once, the stream's own may lie in libuv's queue, too.
  return Math.max(writableLength, (socket as StraightSocket)._handle?.writeQueueSize ?? 0)
}

/** The write was not done at once: libuv has the request and the bytes until it is. */
function keep(socket: StraightSocket, pending: WriteRequest, bytes?: Buffer): void {
  socket[queued] = (socket[queued] ?? 0) + 1
  queuedInAll++
  if (bytes) pending.buffer = bytes
  pending.socket = socket
  pending.oncomplete = completed
  request = binding && new binding.WriteWrap()
}

function completed(this: WriteRequest, status: number): void {
  const { socket } = this
  if (!socket) return
  socket[queued] = (socket[queued] ?? 1) - 1
  queuedInAll--
  // Also when it was cancelled because the socket was closed: that does no harm twice.
  if (status !== 0) socket.destroy()
}

const PLAIN = new Set(['TCP', 'Pipe'])
/** The kind of handle that was last found plain: asking for its name costs more than the rest. */
let plain: unknown

/** TLS and the like have handles of their own, which answer in other ways. */
export function isPlain(handle: object): boolean {
  const kind: unknown = handle.constructor
  if (kind === plain) return true
  if (!PLAIN.has(handle.constructor.name)) return false
  plain = kind
  return true
}

/** Node's own parts under net.Socket; undefined where it does not give them out. */
function find(): Binding | undefined {
  try {
    const { binding: get } = process as unknown as { binding?: (name: string) => unknown }
    const found = get?.call(process, 'stream_wrap') as Partial<Binding> | undefined
    const { WriteWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError } = found ?? {}
    if (typeof WriteWrap !== 'function' || !(streamBaseState instanceof Int32Array))
      return undefined
    return kLastWriteWasAsync === undefined || kReadBytesOrError === undefined
      ? undefined
      : { WriteWrap, streamBaseState, kLastWriteWasAsync, kReadBytesOrError }
  } catch {
    return undefined
  }
}
