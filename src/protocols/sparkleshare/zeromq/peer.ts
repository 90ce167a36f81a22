import { connect, type Socket } from 'node:net'
import { NOTHING } from '../../../access/access.ts'
import { Standing } from '../../../access/standing.ts'
import type { Caller } from '../../../access/caller.ts'
import { FanfareError } from '../../../model/errors.ts'
import type { MaybePromise } from '../../../model/maybe.ts'
import { contained } from '../../../net/contained.ts'
import type { WheelItem } from '../../../net/wheel.ts'
import type { SparkleshareServer } from '../server.ts'
import { GREETING_BYTES, greetingOf, type Mechanism, mayGreet } from './greeting.ts'
import type { Known, Part } from './parts.ts'
import { identifyPeer, type Verdict } from './zap.ts'

/** What peers of one port share. */
export interface PeerOptions {
  readonly server: SparkleshareServer
  readonly mechanism: Mechanism
  /**
   * Opens a socket of libzmq for one peer.
   * @returns the path of the UNIX socket that it listens on; undefined when the peer has gone meanwhile
   */
  open(
    domain: string,
    known: Known,
  ): Promise<{ readonly part: Part; readonly path: string } | undefined>
  closed(peer: Peer): void
}

/**
 * One connection that says who it is. libzmq tells neither who has sent a message nor who has subscribed to what,
 * and cannot cut one of its peers. So each has a socket of libzmq to itself, which shakes hands and has the
 * cryptography: bytes go between it and the client by way of here, and this end can be closed.
 */
export class Peer implements WheelItem, Known {
  wheelBucket = -1
  wheelIndex = -1
  /** By which libzmq asks about it. */
  readonly domain: string
  readonly #options: PeerOptions
  readonly #client: Socket
  readonly #heard = (bytes: Buffer): void =>
    contained(this.#client, this.#options.server.onError, () => this.#greeted(bytes))
  #greeting = Buffer.alloc(0)
  #part: Part | undefined
  /** The way to libzmq's socket. */
  #way: Socket | undefined
  #standing: Standing | undefined
  #unwatch = NOTHING
  #judged = false
  /** Its socket of libzmq is there, or is being opened. */
  #opened = false
  /** The other side has closed, or is told to. */
  #ending = false
  #closed = false
  /** Since when nothing has moved, on the wheel's clock, in ms; and how many bytes had by then. */
  #since: number
  #moved = 0

  constructor(domain: string, client: Socket, options: PeerOptions) {
    this.domain = domain
    this.#client = client
    this.#options = options
    const { server, mechanism } = options
    const { wheel } = server.stream
    this.#since = wheel.now
    wheel.add(this)
    server.zeromqTraffic.opened()
    client.on('data', this.#heard)
    client.on('close', () => this.#clientClosed())
    client.write(greetingOf(mechanism))
  }

  get isHere(): boolean {
    return !this.#client.destroyed
  }

  now(): MaybePromise<Caller> {
    if (!this.#standing) throw new FanfareError('not_authorized')
    try {
      const caller = this.#standing.now()
      return caller instanceof Promise ? caller.catch((error) => this.#fail(error)) : caller
    } catch (error) {
      return this.#fail(error)
    }
  }

  /** Under what holds now it may not be known any more who this is. */
  #fail(error: unknown): never {
    if (error instanceof FanfareError && error.code === 'not_authorized') this.close()
    throw error
  }

  /** Who is at the other end, as libzmq wants to know it. */
  async judge(credentials: readonly Buffer[]): Promise<Verdict> {
    const { server, mechanism } = this.#options
    const { access } = server
    // Only who has come by this connection is meant: nobody comes after it to the same socket.
    if (this.#judged) return '400'
    this.#judged = true
    try {
      const identify = (): MaybePromise<Caller> => identifyPeer(access, mechanism, credentials)
      const caller = await identify()
      if (!this.isHere || !this.#part) return '400'
      this.#part.mustSuit(access, caller)
      this.#standing = new Standing(access, caller, identify)
      this.#unwatch = access.watch(caller, () => this.close())
      return '200'
    } catch (error) {
      server.zeromqTraffic.refused++
      if (!(error instanceof FanfareError)) server.onError(error)
      if (error instanceof FanfareError && error.code !== 'access_unavailable') return '400'
      // It may come back: whoever is told 400 does not.
      this.close()
      return '300'
    }
  }

  tick(now: number): void {
    const { limits, zeromqTraffic } = this.#options.server
    const client = this.#client
    if (!this.#standing || this.#ending) {
      if (now - this.#since >= limits.handshakeTimeout) this.close()
      return
    }
    const moved = client.bytesRead + client.bytesWritten - client.writableLength
    const waits = client.writableLength > 0 || (this.#part?.unsent ?? 0) > 0
    if (!waits || moved !== this.#moved) {
      this.#moved = moved
      this.#since = now
    } else if (limits.idleTimeout > 0 && now - this.#since >= limits.idleTimeout) {
      zeromqTraffic.dropped.stalled++
      this.close()
    }
  }

  broken(): void {
    this.close()
  }

  /** Has what waits for the peer go its way, and then lets it go. */
  async finish(): Promise<void> {
    await this.#part?.finish()
    if (this.#part) this.#part.close()
    else this.close()
  }

  close(): void {
    this.#standing = undefined
    this.#part?.close()
    this.#way?.destroy()
    this.#client.destroy()
  }

  #greeted(bytes: Buffer): void {
    const { mechanism, server } = this.#options
    this.#greeting = Buffer.concat([this.#greeting, bytes])
    if (!mayGreet(this.#greeting, mechanism)) {
      server.zeromqTraffic.refused++
      this.close()
    } else if (this.#greeting.length >= GREETING_BYTES) {
      this.#client.off('data', this.#heard)
      this.#client.pause()
      this.#opened = true
      this.#open()
        .catch(server.onError)
        .finally(() => {
          this.#opened = false
          this.close()
          this.#end()
        })
        .catch(server.onError)
    }
  }

  async #open(): Promise<void> {
    const { server } = this.#options
    const opened = await this.#options.open(this.domain, this)
    if (!opened) return
    const { part, path } = opened
    if (!this.isHere) {
      part.close()
      return
    }
    this.#part = part
    const way = connect(path)
    this.#way = way
    way.on('error', (error) => {
      // What libzmq hangs up on is written to no more.
      if (!('code' in error) || !['EPIPE', 'ECONNRESET'].includes(String(error.code))) {
        server.onError(error)
      }
    })
    way.on('close', () => this.#wayClosed())
    this.#skipGreeting(way)
    way.write(this.#greeting)
    this.#greeting = Buffer.alloc(0)
    this.#client.pipe(way)
    await part.run()
  }

  /** The client has been greeted already: libzmq's own words for that are left out. */
  #skipGreeting(way: Socket): void {
    const expected = greetingOf(this.#options.mechanism)
    let skipped = Buffer.alloc(0)
    const skip = (bytes: Buffer): void => {
      skipped = Buffer.concat([skipped, bytes])
      if (skipped.length < GREETING_BYTES) return
      way.off('data', skip)
      if (!skipped.subarray(0, GREETING_BYTES).equals(expected)) {
        this.close()
        this.#options.server.onError(new Error('sparkleshare: libzmq greets in another way'))
        return
      }
      this.#client.write(skipped.subarray(GREETING_BYTES))
      way.pipe(this.#client)
    }
    way.on('data', skip)
  }

  #clientClosed(): void {
    this.#unwatch()
    // libzmq reads what is on its way, and closes then. What it still has to say is for nobody.
    this.#way?.resume().end()
    this.#end()
  }

  #wayClosed(): void {
    // Nothing that was never known who has sent it is obeyed.
    if (this.#standing) this.#part?.gone()
    else this.#part?.close()
    this.#ending = true
    this.#since = this.#options.server.stream.wheel.now
    this.#client.end()
  }

  /** Once the client has gone, and libzmq's socket. */
  #end(): void {
    if (this.#closed || this.#opened || !this.#client.destroyed) return
    this.#closed = true
    const { server } = this.#options
    server.stream.wheel.remove(this)
    server.zeromqTraffic.closed()
    this.#options.closed(this)
  }
}
