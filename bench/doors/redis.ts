import type { PublishForm, ReplyReader, Session, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'
import { redisBackoff } from './sessions.ts'

const LF = 0x0a
const MINUS = 0x2d
const COLON = 0x3a
const DOLLAR = 0x24
const STAR = 0x2a

/** RESP2: SUBSCRIBE, and PUBLISH pipelined. @param port which of the server's ports speaks it */
export function redisDoor(port: string): StreamDoor {
  return {
    kind: 'stream',
    label: 'Redis',
    port,
    publishPort: port,
    publish,
    subscribe: (channel) => [subscribeStep('subscribe', [channel])],
    subtree: (prefix) => [subscribeStep('psubscribe', [`${prefix}*`])],
    several: (channels) => [subscribeStep('subscribe', channels)],
    // Pub/Sub has no cursor: whoever comes back begins anew.
    returning: {
      backoff: redisBackoff,
      session: (channel) => ({
        connect: () => [subscribeStep('subscribe', [channel])],
        take: () => undefined,
      }),
    },
  }
}

/** Streams: XADD, and clients that wait in XREAD BLOCK and ask again with the last id they had. */
export function xreadDoor(port: string): StreamDoor {
  return {
    kind: 'stream',
    label: 'Redis XREAD',
    port,
    publishPort: port,
    publish: xaddForm(['body']),
    subscribe: (channel) => [{ send: xread(channel, '$'), end: () => 0 }],
    returning: { backoff: redisBackoff, session: (channel) => new XreadSession(channel) },
  }
}

/** @param fields all names and values of the entry, but for the last value, which is the body */
export function xaddForm(fields: readonly string[]): PublishForm {
  return {
    ...publish,
    request: (channel, body) =>
      Buffer.concat([command('XADD', channel, '*', ...fields), bulk(body)]),
    replies: () => new IdReplies(),
  }
}

function xread(channel: string, after: string): Buffer {
  const words = ['XREAD', 'COUNT', '1000', 'BLOCK', '0', 'STREAMS', channel]
  return Buffer.concat([command(...words), bulk(Buffer.from(after))])
}

/** From the first entry on: a stream that is read by id has no beginning to miss. */
class XreadSession implements Session {
  readonly #channel: string
  #last = '0-0'
  #rest: Buffer = Buffer.alloc(0)

  constructor(channel: string) {
    this.#channel = channel
  }

  connect(): readonly Step[] {
    this.#rest = Buffer.alloc(0)
    return []
  }

  ask(): Uint8Array {
    return xread(this.#channel, this.#last)
  }

  take(bytes: Buffer, from: number, to: number): Uint8Array | undefined {
    const all = Buffer.concat([this.#rest, bytes.subarray(from, to)])
    const end = respEnd(all, 0)
    this.#rest = end === -1 ? all : all.subarray(end)
    if (end === -1) return undefined
    for (const [, id = ''] of all
      .toString('latin1', 0, end)
      .matchAll(/\r\n\$\d+\r\n(\d+-\d+)\r\n\*/g)) {
      this.#last = id
    }
    return this.ask()
  }
}

/** The offset just past the RESP2 value at `at`, or -1 while it is incomplete. */
export function respEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf(LF, at)
  if (line === -1) return -1
  const type = bytes[at]
  if (type === MINUS) throw new WireError(`refused: ${bytes.toString('latin1', at, line)}`)
  const size = Number(bytes.toString('latin1', at + 1, line - 1))
  if (type === DOLLAR) {
    const end = size < 0 ? line + 1 : line + 3 + size
    return end <= bytes.length ? end : -1
  }
  let end = line + 1
  for (let i = 0; type === STAR && i < size; i++) {
    end = respEnd(bytes, end)
    if (end === -1) return -1
  }
  return end
}

const publish: PublishForm = {
  prepare: () => [],
  greet: () => [],
  request: (channel, body) => Buffer.concat([command('PUBLISH', channel), bulk(body)]),
  replies: () => new IntegerReplies(),
}

/** The front of a command whose last argument follows. */
function command(...args: readonly string[]): Buffer {
  return Buffer.concat([
    Buffer.from(`*${args.length + 1}\r\n`),
    ...args.map((arg) => bulk(Buffer.from(arg))),
  ])
}

function bulk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
}

function subscribeStep(verb: string, names: readonly string[]): Step {
  const bulks = names.map((name) => `$${name.length}\r\n${name}\r\n`)
  const kind = `$${verb.length}\r\n${verb}\r\n`
  const expected = bulks.map((name, i) => `*3\r\n${kind}${name}:${i + 1}\r\n`).join('')
  return {
    send: Buffer.from(`*${names.length + 1}\r\n${kind.toUpperCase()}${bulks.join('')}`),
    end(received) {
      const text = received.toString('latin1', 0, expected.length)
      if (!expected.startsWith(text)) throw new WireError(`refused: ${text.slice(0, 80)}`)
      return received.length >= expected.length ? expected.length : -1
    },
  }
}

/** Counts lines, each of which must be an integer. */
class IntegerReplies implements ReplyReader {
  #atStart = true

  take(bytes: Buffer, from: number, to: number): number {
    let replies = 0
    for (let at = from; at < to; at++) {
      const byte = bytes[at]
      if (this.#atStart && byte !== COLON) {
        const text = bytes.toString('latin1', at, Math.min(to, at + 80))
        throw new WireError(byte === MINUS ? `refused: ${text}` : `no integer: ${text}`)
      }
      this.#atStart = byte === LF
      if (this.#atStart) replies++
    }
    return replies
  }
}

/** Counts bulk strings, which are the ids of what was added: a line of length and one of text each. */
class IdReplies implements ReplyReader {
  #lines = 0

  take(bytes: Buffer, from: number, to: number): number {
    if (bytes[from] === MINUS) throw new WireError(`refused: ${bytes.toString('latin1', from, to)}`)
    const before = this.#lines
    for (let at = from; at < to; at++) if (bytes[at] === LF) this.#lines++
    return Math.floor(this.#lines / 2) - Math.floor(before / 2)
  }
}
