/** What our doors put around a body: the bytes that the control sends. */

/** Joins framed messages of one loop turn into what is written to each subscriber. */
export interface Framing {
  readonly message: (id: string, body: string) => string
  /** Around all of one turn. */
  readonly wrap: (messages: string) => string
}

function websocketFrame(text: string): string {
  const { length } = text
  const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 255]
  return String.fromCharCode(...head) + text
}

const CHANNEL = 'bench'

const bare = (messages: string): string => messages

const FRAMINGS: Readonly<Record<string, Framing>> = {
  sse: {
    message: (id, body) => `id: ${id}\ndata: ${body}\n\n`,
    wrap: (messages) => `${messages.length.toString(16)}\r\n${messages}\r\n`,
  },
  websocket: {
    message: (id, body) =>
      websocketFrame(
        `{"id":"${id}","channel":"${CHANNEL}","time":${Date.now()},"type":"text/plain","body":"${body}"}`,
      ),
    wrap: bare,
  },
  redis: {
    message: (_id, body) =>
      `*3\r\n$7\r\nmessage\r\n$${CHANNEL.length}\r\n${CHANNEL}\r\n$${body.length}\r\n${body}\r\n`,
    wrap: bare,
  },
  socketio: { message: (_id, body) => websocketFrame(`42["message","${body}"]`), wrap: bare },
}

/** @throws Error where there is none of that name */
export function framingNamed(name: string): Framing {
  const framing = FRAMINGS[name]
  if (framing === undefined) throw new Error(`no framing ${name}`)
  return framing
}

/** What Socket.IO's clients are told, in the order of what they say. */
export const SOCKETIO_OPEN = websocketFrame(
  '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
)
export const SOCKETIO_CONNECTED = websocketFrame('40{"sid":"y"}')
export const SOCKETIO_SUBSCRIBED = websocketFrame('430[{"ok":true}]')
