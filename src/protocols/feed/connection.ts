import type { Socket } from 'node:net'
import { type Asker, NOTHING } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import { StreamConnection } from '../../http/stream.ts'
import { Body } from '../../http/body.ts'
import { asFanfareError, FanfareError, RateError } from '../../model/errors.ts'
import { idSecond } from '../../model/id.ts'
import type { Published } from '../../hub/contract.ts'
import { attempt, chain, type MaybePromise } from '../../model/maybe.ts'
import { contained } from '../../net/contained.ts'
import type { WheelItem } from '../../net/wheel.ts'
import { checkKey } from '../../model/envelope.ts'
import { OPENING } from './codec.ts'
import { readEvents } from './events.ts'
import { PostBody } from './post.ts'
import { channelOf, type FeedRequest, fetchSince, readHead, selectorsOf } from './request.ts'
import { DENIED_WORDS, NO_METHOD, NO_REQUEST, Refusal, TIMED_OUT } from './refusal.ts'
import type { FeedServer } from './server.ts'
import { sinceTime } from './since.ts'

const LF = 0x0a
const CR = 0x0d

/** How long a client has to take the answer and close, in ms; what it sends meanwhile is dropped. */
const LINGER = 5_000

const BAD_NAME = new Refusal(
  '400 Bad request',
  'A path names a channel of 1 to 512 bytes, such as /json, percent-encoded :(\r\n',
)

/**
 * One connection until it is answered: a head, and what is posted. A GET's socket goes on as a
 * `StreamConnection`, and this is forgotten.
 */
export class FeedConnection implements WheelItem {
  wheelBucket = -1
  wheelIndex = -1
  readonly #server: FeedServer
  readonly #socket: Socket
  readonly #peer: string
  #head: Body
  /** Where the line that is being read began. */
  #lineStart = 0
  #request: FeedRequest | undefined
  #post: PostBody | undefined
  /** On the wheel's clock, in ms: the request's beginning, and the last byte of it. */
  #began: number
  #heard: number
  #answeredAt: number | undefined
  #working = false
  /** Who posts; found out as far as it can be before anything is read. */
  #poster: MaybePromise<Caller> | undefined

  /** Reads what comes on a socket, and answers. */
  static serve(server: FeedServer, socket: Socket): void {
    const connection = new FeedConnection(server, socket)
    server.wheel.add(connection)
  }

  private constructor(server: FeedServer, socket: Socket) {
    this.#server = server
    this.#socket = socket
    // Whoever can open a UNIX socket is on this machine.
    this.#peer = server.local ? '127.0.0.1' : (socket.remoteAddress ?? '')
    this.#head = new Body(server.limits.maxHeaderBytes)
    this.#began = server.wheel.now
    this.#heard = server.wheel.now
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
  }

  /** Looks whether the client takes too long. */
  tick(now: number): void {
    const { requestTimeout, bodyTimeout } = this.#server.config
    if (this.#answeredAt !== undefined) {
      if (now - this.#answeredAt >= LINGER) this.#socket.destroy()
    } else if (this.#working) return
    else if (!this.#post) {
      // As the original: nobody is told.
      if (now - this.#began >= requestTimeout) this.#socket.destroy()
    } else {
      const { requestTimeout: whole } = this.#server.limits
      if (now - this.#heard >= bodyTimeout || now - this.#began >= whole) this.#refuse(TIMED_OUT)
    }
  }

  /** A request that has begun is answered; its answer is the last one anyway. */
  leave(): void {
    const idle = !this.#working && this.#answeredAt === undefined && this.#head.length === 0
    if (idle && !this.#post && !this.#request) this.#socket.end()
  }

  broken(): void {
    this.#socket.destroy()
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#answeredAt !== undefined || this.#working) return
    this.#heard = this.#server.wheel.now
    try {
      if (this.#post) this.#read(bytes)
      else this.#readHead(bytes)
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #onEnd = (): void => {
    if (this.#answeredAt !== undefined || this.#working) return
    try {
      if (!this.#post) this.#socket.end()
      else {
        this.#post.ended()
        this.#publish()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #onClose = (): void => {
    this.#server.wheel.remove(this)
  }

  /** Line by line, up to the empty one. What comes behind it is the body's. */
  #readHead(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(LF, at)
      const next = end === -1 ? bytes.length : end + 1
      const { maxHeaderBytes } = this.#server.limits
      if (this.#head.length + next - at > maxHeaderBytes) {
        const words = `A request head has at most ${maxHeaderBytes} bytes here :(\r\n`
        throw new Refusal('431 Request header fields too large', words)
      }
      this.#head.add(bytes.subarray(at, next))
      if (end === -1) return
      const length = this.#head.length - this.#lineStart
      const empty = length === 1 || (length === 2 && this.#head.at(this.#lineStart) === CR)
      this.#lineStart = this.#head.length
      at = next
      if (empty && length === this.#head.length) this.#startOver()
      else if (empty) {
        const head = this.#head.take().toString('latin1')
        this.#start(head.slice(0, -length))
        if (this.#post && next < bytes.length) this.#read(bytes.subarray(next))
        // Only a HEAD on a connection that is kept goes on to the next request.
        if (this.#request) return
      }
    }
  }

  /** Empty lines before a request do not count (RFC 9112, section 2.2). */
  #startOver(): void {
    this.#head = new Body(this.#server.limits.maxHeaderBytes)
    this.#lineStart = 0
  }

  #start(head: string): void {
    const request = readHead(head)
    if (!request) throw NO_REQUEST
    this.#request = request
    const { method } = request
    if (method === 'GET') this.#follow(request)
    else if (method === 'HEAD') this.#tell(request)
    else if (method === 'POST' || method === 'PUT') {
      this.#poster = this.#identify(request)
      if (this.#poster instanceof Promise) {
        // Whether it is refused is looked at once all is there.
        this.#poster.catch(ignore)
      }
      if (channelOf(request.uri) === undefined) throw BAD_NAME
      // A small body could be unpacked to one of any size.
      if (!/^(?:identity)?$/i.test(request.header('content-encoding') ?? '')) {
        throw new FanfareError('unsupported_encoding')
      }
      this.#post = new PostBody(request, this.#server.limits.maxBodyBytes)
      if (this.#post.done) this.#publish()
      else if (/^100-continue$/i.test(request.header('expect') ?? '')) {
        this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      }
    } else throw NO_METHOD
  }

  #read(bytes: Buffer): void {
    this.#post?.add(bytes)
    if (this.#post?.done) this.#publish()
  }

  #follow(request: FeedRequest): void {
    const selectors = selectorsOf(request.uri)
    if (!selectors) throw BAD_NAME
    this.#working = true
    const { access, hub, encoder, stream } = this.#server
    const from = fetchSince(request.header('x-fetch-since'))
    const start = async () => {
      const caller = await access.identifyFollower(this.#asker(request))
      await access.mustFollow(caller, selectors, from !== undefined)
      return { caller, since: await sinceTime(hub, selectors, from) }
    }
    start().then(
      ({ caller, since }) => {
        const socket = this.#socket
        if (socket.destroyed || socket.readableEnded) {
          socket.destroy()
          return
        }
        this.#letGo()
        contained(socket, this.#server.onError, () => {
          // What a subscriber sends is of no interest; that it has ended is.
          socket.on('end', destroy)
          socket.resume()
          socket.write(OPENING)
          const sink = new StreamConnection(socket, stream)
          this.#server.subscribed(socket)
          sink.attach(hub.follow({ selectors, encoder, sink, since }))
          const unwatch = access.watch(caller, () => sink.end())
          if (unwatch !== NOTHING) socket.once('close', unwatch)
        })
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #tell(request: FeedRequest): void {
    if (this.#server.config.statistics === 'everyone') {
      this.#tellStatistics(request)
      return
    }
    this.#working = true
    attempt(
      () => this.#server.access.identify(this.#asker(request)),
      ({ kind, grants, foreign }) => {
        this.#working = false
        const may = kind === 'trusted' || grants.manage
        if (may && !foreign) this.#tellStatistics(request)
        else
          this.#refuse(new Refusal('403 Denied', 'Only trusted sources may read the statistics!'))
      },
      (error) => this.#fail(error),
    )
  }

  #tellStatistics(request: FeedRequest): void {
    const answer = this.#server.statistics()
    const wish = request.header('connection')
    // The original keeps the connection only for clients that say a word about it.
    if (wish === undefined || wish.toLowerCase() === 'close') this.#answer(answer)
    else {
      this.#socket.write(answer)
      this.#request = undefined
      this.#startOver()
      this.#began = this.#server.wheel.now
    }
  }

  #publish(): void {
    const request = this.#request as FeedRequest
    const post = this.#post as PostBody
    this.#working = true
    const { access, hub, config, traffic } = this.#server
    const drafts = readEvents(post.take(), {
      channel: channelOf(request.uri) as NonNullable<ReturnType<typeof channelOf>>,
      maxLines: config.maxLines,
      key: checkKey(request.header('idempotency-key')),
      byEvent: request.header('fanfare-key')?.toLowerCase() === 'event',
    })
    const poster = this.#poster ?? this.#identify(request)
    attempt(
      () =>
        chain(poster, (caller) =>
          chain(
            access.mustPublishAll(
              caller,
              drafts.map(({ channel }) => channel),
            ),
            () => hub.publishAll(drafts, traffic),
          ),
        ),
      (published) => {
        const newest = idSecond((published.at(-1) as Published).id)
        const duplicate = published.every((one) => one.duplicate)
        this.#answer(
          Buffer.from(
            `HTTP/1.1 200 OK\r\nServer: GitPubSub/0.9\r\nX-Timestamp: ${newest}\r\n` +
              `${duplicate ? 'Fanfare-Duplicate: true\r\n' : ''}\r\nMessage sent!\r\n`,
          ),
        )
      },
      (error) => this.#fail(error),
    )
  }

  /** The query of a path is part of a name here: what is shown stands in the head alone. */
  #asker(request: FeedRequest): Asker {
    return { peer: this.#peer, header: (name) => request.header(name) }
  }

  /** @throws FanfareError when it may publish nothing */
  #identify(request: FeedRequest): MaybePromise<Caller> {
    const { access } = this.#server
    return chain(access.identify(this.#asker(request)), (caller) => {
      access.mustBePublisher(caller)
      return caller
    })
  }

  #fail(error: unknown): void {
    if (error instanceof Refusal) this.#refuse(error)
    else {
      const known = asFanfareError(error)
      if (known !== error) this.#server.onError(error, this.#peer)
      if (known.code === 'not_trusted' || known.code === 'foreign_origin') {
        this.#refuse(new Refusal('403 Denied', DENIED_WORDS))
        return
      }
      const header = known instanceof RateError ? `Retry-After: ${known.retryAfter}\r\n` : ''
      const status = `${known.status} ${known.code}`
      this.#refuse(new Refusal(status, `${known.message} :(\r\n`, header))
    }
  }

  #refuse(refusal: Refusal): void {
    this.#server.traffic.refused++
    this.#answer(refusal.bytes)
  }

  /** The last word; then the client may still finish sending, so that it gets to read it. */
  #answer(bytes: Buffer): void {
    if (this.#answeredAt !== undefined) return
    this.#answeredAt = this.#server.wheel.now
    this.#working = false
    this.#socket.end(bytes)
  }

  #letGo(): void {
    this.#server.wheel.remove(this)
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('error', ignore)
    this.#socket.off('close', this.#onClose)
  }
}

function destroy(this: Socket): void {
  this.destroy()
}

/** The close that follows is what counts. */
function ignore(): void {}
