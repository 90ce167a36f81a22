import { createHmac } from 'node:crypto'
import type { PublishForm, Step, StreamDoor } from './door.ts'
import { WireError } from './door.ts'
import { openingStep, requestBytes } from './http.ts'

const UPGRADE = requestBytes('GET', '/socket.io/?EIO=4&transport=websocket', [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
])

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

/**
 * Socket.IO 4 over WebSocket, from the first request on, published to over HTTP. The driver answers
 * no pings: after 45 seconds a server would let it go.
 * @param auth what a client logs in with
 */
export function socketioDoor(auth: () => object, publish: PublishForm): StreamDoor {
  return {
    kind: 'stream',
    label: 'Socket.IO',
    port: 'main',
    publishPort: 'main',
    publish,
    subscribe: (channel) => [
      openingStep(UPGRADE, 101),
      frameStep(undefined, '0{'),
      frameStep(`40${JSON.stringify(auth())}`, '40{'),
      frameStep(`420${JSON.stringify(['subscribe', channel])}`, '430['),
    ],
  }
}

/** Sends a text frame, if any, and waits for one that begins so. */
function frameStep(send: string | undefined, begins: string): Step {
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
function maskedFrame(text: string): Buffer {
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

function firstText(received: Buffer): { text: string; end: number } | undefined {
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
