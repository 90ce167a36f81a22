import type { Socket } from 'node:net'
import { percentDecode } from '../model/channel.ts'
import { addressOf } from './address.ts'
import { encodeCommand, type Reply, ReplyParser, RespError } from './resp.ts'
import { chunksOf, openSocket } from './socket.ts'
import { RefusedError } from './source.ts'

/** Of Fanfare's redis door. */
export const REDIS_PORT = 6380
/** A server that sends nothing for this long is not there, in ms. */
const SILENCE = 60_000

/** A connection to a Redis server: commands out, replies in, one after the other. */
export class RedisConnection {
  readonly #socket: Socket
  readonly #chunks: AsyncGenerator<Buffer, void>
  readonly #parser = new ReplyParser()
  #ready: Reply[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#chunks = chunksOf(socket, SILENCE)
  }

  /**
   * Connects, with the name and password of the URL.
   * @throws NotConnectedError, RefusedError where the password is wrong
   */
  static async open(url: URL, signal?: AbortSignal): Promise<RedisConnection> {
    const { host, port } = addressOf(url, REDIS_PORT)
    const tls = url.protocol === 'rediss:'
    const connection = new RedisConnection(await openSocket({ host, port, tls, signal }))
    try {
      const [user, password] = [decoded(url.username), decoded(url.password)]
      const name = user.length === 0 ? [] : [user]
      if (password.length > 0) await connection.ask('AUTH', ...name, password)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  send(...args: readonly (string | Buffer)[]): void {
    this.#socket.write(encodeCommand(args))
  }

  /** @throws Error when the connection ends */
  async read(): Promise<Reply> {
    while (this.#ready.length === 0) {
      const { value } = await this.#chunks.next()
      if (value === undefined) throw new Error('the server closed the connection')
      this.#ready = this.#parser.push(value).toReversed()
    }
    return this.#ready.pop() as Reply
  }

  /** The reply to a command. @throws RefusedError with the server's words for an error */
  async ask(...args: readonly (string | Buffer)[]): Promise<Exclude<Reply, RespError>> {
    this.send(...args)
    return valueOf(await this.read())
  }

  /** Whether it is Fanfare's: its channels are logs that can be read. */
  async isFanfare(): Promise<boolean> {
    this.send('INFO', 'server')
    const info = await this.read()
    // Small servers, as Notistream's, have no INFO.
    if (info instanceof RespError) {
      if (/^(?:NOAUTH|ERR Not Authenticated)/i.test(info.message)) throw refusalOf(info)
      return false
    }
    return /^(?:server_name:fanfare\r?$|fanfare_version:)/m.test(textOf(info))
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A name or a password from a URL, as bytes. */
function decoded(text: string): Buffer {
  const bytes = percentDecode(text)
  if (bytes === undefined) throw new RefusedError('a % in a password is written as %25')
  return Buffer.from(bytes, 'latin1')
}

/** @throws RefusedError, or Error where the same may be tried again */
export function valueOf(reply: Reply): Exclude<Reply, RespError> {
  if (reply instanceof RespError) throw refusalOf(reply)
  return reply
}

export function textOf(reply: Reply | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString('utf8') : String(reply ?? '')
}

function refusalOf({ message }: RespError): Error {
  if (/^(?:LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN)|max number of clients/.test(message)) {
    return new Error(message)
  }
  // Fanfare says why what was shown before is good no longer.
  const ended = /^NOAUTH (The (?:key|token) .*)$/.exec(message)?.[1]
  if (ended !== undefined) return new RefusedError(ended)
  if (/^(?:NOAUTH|ERR Not Authenticated)/i.test(message)) {
    return new RefusedError(
      'the server wants a password: redis://:PASSWORD@host:port/channel, or a key as --access-key or in FANFARE_KEY',
    )
  }
  const more = message.startsWith('NOPERM') ? ' (--access-key or FANFARE_KEY shows a key)' : ''
  return new RefusedError(message + more)
}
