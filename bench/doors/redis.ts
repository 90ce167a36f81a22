import type { PublishForm, ReplyReader, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'

const LF = 0x0a
const MINUS = 0x2d
const COLON = 0x3a

/** RESP2: SUBSCRIBE, and PUBLISH pipelined. @param port which of the server's ports speaks it */
export function redisDoor(port: string): StreamDoor {
  return {
    kind: 'stream',
    label: 'Redis',
    port,
    publishPort: port,
    publish,
    subscribe: (channel) => [subscribeStep(channel)],
  }
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

function subscribeStep(channel: string): Step {
  const name = `$${channel.length}\r\n${channel}\r\n`
  const expected = `*3\r\n$9\r\nsubscribe\r\n${name}:1\r\n`
  return {
    send: Buffer.from(`*2\r\n$9\r\nSUBSCRIBE\r\n${name}`),
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
