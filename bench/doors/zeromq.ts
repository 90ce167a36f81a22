import type { PublishForm, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'

/** The greeting of ZMTP 3.0 (RFC 23), the mechanism NULL, as a client. */
const GREETING = Buffer.alloc(64)
GREETING.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0])
GREETING.write('NULL', 12, 'latin1')

/** A command's frame, and a message's last; with a length of eight bytes. */
const COMMAND = 4
const LAST = 0
const LONG = 2

function frame(flags: number, body: Buffer): Buffer {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body])
  const head = Buffer.alloc(9)
  head[0] = flags | LONG
  head.writeBigUInt64BE(BigInt(body.length), 1)
  return Buffer.concat([head, body])
}

function ready(socketType: string): Buffer {
  const type = Buffer.from(socketType)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(type.length)
  return frame(
    COMMAND,
    Buffer.concat([Buffer.from('\x05READY\x0bSocket-Type', 'latin1'), size, type]),
  )
}

function handshake(socketType: string): Step[] {
  return [
    { send: GREETING, end: (received) => (received.length >= GREETING.length ? 64 : -1) },
    {
      send: ready(socketType),
      end(received) {
        const length = received[1]
        if (length === undefined || received.length < 2 + length) return -1
        if (received[0] !== COMMAND || received[3] !== 0x52) {
          throw new WireError(`refused: ${received.toString('latin1', 2, 2 + length)}`)
        }
        return 2 + length
      },
    },
  ]
}

/** Publishing by a PUSH socket's bytes on a plain connection: each message is one frame. */
export function pushForm(messageOf: (channel: string, body: Buffer) => Buffer): PublishForm {
  return {
    prepare: () => [],
    greet: () => handshake('PUSH'),
    request: (channel, body) => frame(LAST, messageOf(channel, body)),
    replies: () => ({ take: () => 0 }),
    unanswered: true,
  }
}

/**
 * ZeroMQ: a SUB socket's bytes on a plain connection. Each message is two frames, its name and its
 * revision. libzmq drops for a subscriber that does not keep up.
 */
export function zeromqDoor(publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'ZeroMQ',
    port: 'zeromq',
    publishPort: 'redis',
    publish,
    drops: true,
    subscribe: (channel): Step[] => [
      ...handshake('SUB'),
      { send: frame(LAST, Buffer.from(`\x01${channel}`, 'latin1')), end: () => 0 },
    ],
  }
}
