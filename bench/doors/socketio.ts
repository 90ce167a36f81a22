import { createHmac } from 'node:crypto'
import type { PublishForm, ReplyReader, Session, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'
import { openingStep } from './http.ts'
import { LastMatch, socketioBackoff } from './sessions.ts'
import { upgradeBytes } from './stream.ts'

const UPGRADE = upgradeBytes('/socket.io/?EIO=4&transport=websocket')

/** What our server is started with, so that the clients can log in, each as a user of its own. */
export const TOKEN_SECRET = 'the secret of the benchmark alone'

/** Users are told apart by counting. */
let users = 0

/** A token for the next user. */
export function nextToken(): string {
  const head = base64url({ alg: 'HS256', typ: 'JWT' })
  const text = `${head}.${base64url({ sub: `bench-${users++}` })}`
  const signature = createHmac('sha256', TOKEN_SECRET).update(text).digest('base64url')
  return `${text}.${signature}`
}

/** Engine.IO's ping and pong, as frames. */
const PING = Buffer.from([0x81, 1, 0x32])
const PONG = maskedFrame('3')

/**
 * Socket.IO 4 over WebSocket, from the first request on, published to over HTTP.
 * @param auth what a client logs in with
 */
export function socketioDoor(auth: () => object, publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'Socket.IO',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [...greeting(auth), frameStep(subscription(channel), '430[')],
    answer(bytes, from, to) {
      const at = (start: number): boolean => bytes.compare(PING, 0, 3, start, start + 3) === 0
      return to - from >= 3 && (at(from) || at(to - 3)) ? PONG : undefined
    },
    returning: {
      backoff: socketioBackoff,
      session: (channel) => new SocketioSession(channel, auth()),
    },
  }
}

/** Publishing by an event that is acknowledged: by whoever may, each as a user of its own. */
export function emitForm(auth: () => object): PublishForm {
  return {
    prepare: () => [],
    greet: () => greeting(auth),
    request: (channel, body) =>
      maskedFrame(`421${JSON.stringify(['publish', channel, body.toString('latin1')])}`),
    replies: () => new AckReplies(),
  }
}

function greeting(auth: () => object): Step[] {
  return [
    openingStep(UPGRADE, 101),
    frameStep(undefined, '0{'),
    frameStep(`40${JSON.stringify(auth())}`, '40{'),
  ]
}

function subscription(channel: string): string {
  return `420${JSON.stringify(['subscribe', channel])}`
}

/**
 * As the JavaScript client does: it comes back with the id of its connection and of the last message,
 * and subscribes again unless the server says that it is the same connection still.
 */
class SocketioSession implements Session {
  readonly #channel: string
  readonly #auth: object
  readonly #offset = new LastMatch(/,"([^"|]+)"\]/g)
  #pid: string | undefined
  #recovered = false

  constructor(channel: string, auth: object) {
    this.#channel = channel
    this.#auth = auth
  }

  connect(): readonly Step[] {
    this.#offset.cut()
    const [open, hello] = greeting(() => ({}))
    return [
      ...(open && hello ? [open, hello] : []),
      {
        send: () => {
          const state = this.#pid === undefined ? {} : { pid: this.#pid }
          const offset = this.#offset.value === undefined ? {} : { offset: this.#offset.value }
          return maskedFrame(
            `40${JSON.stringify({ ...this.#auth, recover: true, ...state, ...offset })}`,
          )
        },
        end: (received) => this.#connected(received),
      },
      {
        send: () => (this.#recovered ? undefined : maskedFrame(subscription(this.#channel))),
        // What comes before the answer is for whoever reads the messages: nothing of it is taken here.
        end: (received) => (this.#recovered || received.includes('430[') ? 0 : -1),
      },
    ]
  }

  take(bytes: Buffer, from: number, to: number): undefined {
    this.#offset.take(bytes, from, to)
    return undefined
  }

  /** A server may send what was missed before it says that the connection is there: nothing is taken. */
  #connected(received: Buffer): number {
    let rest = received
    for (;;) {
      const frame = firstText(rest)
      if (frame === undefined) return -1
      if (frame.text.startsWith('44')) throw new WireError(`refused: ${frame.text.slice(0, 80)}`)
      if (frame.text.startsWith('40{')) {
        const { pid } = JSON.parse(frame.text.slice(2)) as { pid?: string }
        this.#recovered = pid !== undefined && pid === this.#pid
        this.#pid = pid
        return 0
      }
      rest = rest.subarray(frame.end)
    }
  }
}

/** Counts the acknowledgements `431[…]`, each in a frame of its own; `{"ok":true` where it says so. */
class AckReplies implements ReplyReader {
  #rest: Buffer = Buffer.alloc(0)

  take(bytes: Buffer, from: number, to: number): number {
    let data = Buffer.concat([this.#rest, bytes.subarray(from, to)])
    let replies = 0
    for (;;) {
      const frame = firstText(data)
      if (frame === undefined) break
      if (frame.text.includes('"error"')) throw new WireError(frame.text.slice(0, 120))
      if (frame.text.startsWith('431[')) replies++
      data = data.subarray(frame.end)
    }
    this.#rest = data
    return replies
  }
}

/** Sends a text frame, if any, and waits for one that begins so. */
export function frameStep(send: string | undefined, begins: string): Step {
  return {
    ...(send === undefined ? {} : { send: maskedFrame(send) }),
    end(received) {
      const text = firstText(received)
      if (text === undefined) return -1
      if (!text.text.startsWith(begins)) throw new WireError(`refused: ${text.text.slice(0, 80)}`)
      return text.end
    },
  }
}

/** A client's frame (RFC 6455, 5.3). The mask may be any, and with zeros the text stays as it is. */
export function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(payload.length < 126 ? 6 : 8)
  head[0] = 0x81
  if (payload.length < 126) head[1] = 0x80 | payload.length
  else {
    head[1] = 0x80 | 126
    head.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([head, payload])
}

export function firstText(received: Buffer): { text: string; end: number } | undefined {
  const length = received[1]
  if (length === undefined || (length === 126 && received.length < 4)) return undefined
  const start = length === 126 ? 4 : 2
  const end = start + (length === 126 ? received.readUInt16BE(2) : length)
  if (received.length < end) return undefined
  return { text: received.toString('utf8', start, end), end }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
