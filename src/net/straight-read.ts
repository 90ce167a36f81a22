import type { Socket } from 'node:net'
import { binding, isPlain } from './straight.ts'

/**
 * Reading a socket without the stream in front of it, as `straight.ts` writes to one.
 *
 * For each read Node makes a buffer of 64 KiB, cuts it to size, and puts an object and an event around it. The
 * handle reads into any buffer that it is given, too, and here all sockets have the same one. What comes while
 * the socket is paused, or before what the stream holds has been taken, goes by way of the stream, in order.
 */

/** Gets bytes, which are its own until it returns: what it keeps, it copies. MUST NOT throw. */
export type Take = (this: Socket, bytes: Buffer) => void

interface Handle {
  reading?: boolean
  onread?: OnRead
  useUserBuffer?(buffer: Buffer): void
  readStop(): number
}

/** What a handle calls with what was read. It answers nothing: an answer would be the next buffer. */
type OnRead = (this: Handle, bytes?: ArrayBuffer) => void

const taker = Symbol('taker')
const ownerOf = Symbol('socket')

type ReadSocket = Socket & {
  readonly _handle?: (Handle & Owned) | null
  [taker]?: Take | undefined
}
interface Owned {
  [ownerOf]?: ReadSocket
  /** Node's own, which knows what an end and an error are. */
  former?: OnRead | undefined
}

/** As much as Node reads at once. */
const SIZE = 64 * 2 ** 10
const shared = Buffer.allocUnsafeSlow(SIZE)
/** What was read last: the next client says mostly as much. */
let view = shared

/** Has a socket that was just accepted read by `take`, until `stopReading`. */
export function readTo(socket: Socket, take: Take): void {
  socket.on('data', take)
  const { _handle: handle } = socket as ReadSocket
  if (!binding || !handle || !isPlain(handle)) return
  if (typeof handle.useUserBuffer !== 'function' || typeof handle.onread !== 'function') return
  ;(socket as ReadSocket)[taker] = take
  handle[ownerOf] = socket
  handle.former = handle.onread
  handle.useUserBuffer(shared)
  handle.onread = onRead
}

/** What comes from now on is the stream's alone. */
export function stopReading(socket: Socket, take: Take): void {
  socket.off('data', take)
  // Not deleted: that would turn the socket into a table, which is slower and larger.
  ;(socket as ReadSocket)[taker] = undefined
}

/** Whether these bytes are only lent. */
export function isLent(bytes: Buffer): boolean {
  return bytes.buffer === shared.buffer
}

function onRead(this: Handle & Owned, bytes?: ArrayBuffer): void {
  const length = binding?.streamBaseState[binding.kReadBytesOrError] ?? 0
  const socket = this[ownerOf]
  // An end, an error, or bytes of Node's own.
  if (length <= 0 || bytes !== undefined || !socket) {
    this.former?.(bytes)
    return
  }
  if (socket.destroyed) return
  if (length !== view.length) view = shared.subarray(0, length)
  const read = view
  const take = socket[taker]
  if (take && socket.readableFlowing && socket.readableLength === 0) take.call(socket, read)
  else if (!socket.push(Buffer.from(read))) {
    // As Node does when a stream has more than it wants: its next read begins again.
    this.reading = false
    const error = this.readStop()
    if (error !== 0) socket.destroy()
  }
}
