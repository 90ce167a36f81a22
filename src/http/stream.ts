import type { Socket } from 'node:net'
import type { EndReason, Sink, Subscription } from '../hub/contract.ts'
import type { Traffic } from '../hub/traffic.ts'
import { Progress } from '../net/progress.ts'
import { type Handle, unsentOf, writeOn, writeTo } from '../net/straight.ts'
import type { Wheel, WheelItem } from '../net/wheel.ts'

const NOTHING = Buffer.alloc(0)

export interface StreamOptions {
  readonly wheel: Wheel
  /**
   * Written when the wheel comes round, so that proxies and clients see that the stream lives. A
   * function is asked each time, and may leave it out.
   */
  readonly heartbeat: Buffer | ((stream: StreamConnection) => Buffer | undefined) | undefined
  /** A socket that moves no byte for this long, in ms, while something is unsent, is closed; 0 = never. */
  readonly idleTimeout: number
  /** Where it is counted as a connection; without it, it counts elsewhere. */
  readonly traffic?: Traffic
  /** The last bytes for clients that are to go elsewhere; a function is asked for each. */
  readonly farewell?: Buffer | (() => Buffer)
}

/** Whoever writes to a stream, and may still owe its client something. */
export interface Debtor {
  /** Calls `then` once nothing is owed any more: at once, or later. */
  whenSettled(then: () => void): void
}

/**
 * Options whose limits are those of the moment, for streams that are open, too.
 * @param limits in ms; without a heartbeat (0) none is written
 */
export function streamOptions(
  limits: Readonly<{ idleTimeout: number; heartbeat: number }>,
  { heartbeat, ...fixed }: Omit<StreamOptions, 'idleTimeout'>,
): StreamOptions {
  return {
    ...fixed,
    get heartbeat() {
      return limits.heartbeat > 0 ? heartbeat : undefined
    },
    get idleTimeout() {
      return limits.idleTimeout
    },
  }
}

const owner = Symbol('stream')
type OwnedSocket = Socket & { [owner]?: StreamConnection | undefined }

/**
 * A connection that is written to until it closes. One small object for each idle subscriber: no
 * closures, no timers, no request.
 */
export class StreamConnection implements Sink, WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly #socket: OwnedSocket
  /** While nothing that was written is unsent, and nothing was written but here. */
  #handle: Handle | undefined
  readonly #options: StreamOptions
  #subscription: Subscription | undefined
  #debtor: Debtor | undefined
  #leaving = false
  readonly #progress: Progress

  constructor(socket: Socket, options: StreamOptions) {
    this.#socket = socket
    this.#options = options
    this.#progress = new Progress(options.wheel.now)
    this.#socket[owner] = this
    socket.on('close', closed)
    socket.on('error', ignore)
    options.wheel.add(this)
    options.traffic?.opened()
  }

  /** Whose messages are written here; it is closed with the connection. */
  attach(subscription: Subscription): void {
    if (this.#socket.destroyed) subscription.close()
    else this.#subscription = subscription
  }

  get subscription(): Subscription | undefined {
    return this.#subscription
  }

  /** The address at the other end; '' when it has gone. */
  get peer(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get unsent(): number {
    return this.#handle ? 0 : unsentOf(this.#socket)
  }

  write(bytes: Buffer): void {
    const handle = this.#handle
    if (handle) {
      if (!writeOn(this.#socket, handle, bytes)) this.#handle = undefined
      // Behind an end, a write would break off what is still unsent.
    } else if (!this.#socket.writableEnded) this.#handle = writeTo(this.#socket, bytes)
  }

  whenSent(then: () => void): void {
    if (this.#socket.writableEnded) return
    this.#handle = undefined
    // Behind everything that was written before, in the order of the socket.
    this.#socket.write(NOTHING, (error) => {
      // One that was under way when its socket was closed is called without an error.
      if (!error && !this.#socket.destroyed) then()
    })
  }

  ended(_reason: EndReason): void {
    this.#socket.destroy()
  }

  /** Ends the stream; what was written is still sent. @param last the last bytes, if any */
  end(last?: Buffer): void {
    this.#handle = undefined
    if (last) this.#socket.end(last)
    else this.#socket.end()
  }

  get traffic(): Traffic | undefined {
    return this.#options.traffic
  }

  /** @param debtor is waited for before the stream leaves */
  owedBy(debtor: Debtor): void {
    this.#debtor = debtor
  }

  /** Ends it so that its client comes back, elsewhere if it can. */
  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    if (this.#debtor) this.#debtor.whenSettled(() => this.#farewell())
    else this.#farewell()
  }

  broken(): void {
    this.#socket.destroy()
  }

  #farewell(): void {
    // Ended before, it has had its last word.
    if (this.#socket.writableEnded) return
    const { farewell } = this.#options
    this.end(typeof farewell === 'function' ? farewell() : farewell)
  }

  tick(now: number): void {
    const { idleTimeout, heartbeat } = this.#options
    const stalled = this.#progress.stalledFor(this.#socket, now)
    if (idleTimeout > 0 && stalled >= idleTimeout) {
      if (this.traffic) this.traffic.dropped.stalled++
      this.#socket.destroy()
      return
    }
    // With bytes still unsent a heartbeat would only wait behind them.
    if (heartbeat && this.unsent === 0) {
      const beat = typeof heartbeat === 'function' ? heartbeat(this) : heartbeat
      if (beat) this.write(beat)
    }
  }

  closed(): void {
    this.#options.wheel.remove(this)
    this.#options.traffic?.closed()
    const subscription = this.#subscription
    this.#subscription = undefined
    subscription?.close()
  }
}

function closed(this: OwnedSocket): void {
  this[owner]?.closed()
  this[owner] = undefined
}

/** The close that follows is what counts. */
function ignore(): void {}
