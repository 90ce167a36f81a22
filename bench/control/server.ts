/**
 * The control row: the bytes that our doors send, from bare node:net sockets. The messages of one loop
 * turn are joined, encoded once, and written once to each subscriber. It keeps no messages, has one
 * channel, and reads only the requests that the load generator sends.
 *
 *     node server.js PORT sse|websocket|redis|socketio
 */
import { createServer, type Socket } from 'node:net'
import { framingNamed, SOCKETIO_CONNECTED, SOCKETIO_OPEN, SOCKETIO_SUBSCRIBED } from './framing.ts'

const [, , port, door = 'sse'] = process.argv
const framing = framingNamed(door)

const CREATED = 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'
const EVENTS =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n'
const UPGRADED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

const subscribers = new Set<Socket>()
let pending: string[] = []
let lastSecond = 0
let withinSecond = 0

function nextId(): string {
  const second = Math.floor(Date.now() / 1000)
  withinSecond = second === lastSecond ? withinSecond + 1 : 0
  lastSecond = second
  return `${second}-${withinSecond}`
}

function publish(body: string): void {
  if (pending.length === 0) setImmediate(flush)
  pending.push(framing.message(nextId(), body))
}

function flush(): void {
  const bytes = Buffer.from(framing.wrap(pending.join('')), 'latin1')
  pending = []
  for (const socket of subscribers) socket.write(bytes)
}

/** One complete request at the start of what came: its length and the answer; undefined without one. */
function answer(socket: Socket, received: string): [length: number, reply: string] | undefined {
  if (received.startsWith('GET ') || received.startsWith('POST ')) return http(socket, received)
  if (received.startsWith('*')) return redis(socket, received)
  return frame(socket, received)
}

function http(socket: Socket, received: string): [number, string] | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  if (received.startsWith('GET ')) {
    if (door !== 'socketio') subscribers.add(socket)
    const opened = door === 'socketio' ? UPGRADED + SOCKETIO_OPEN : UPGRADED
    return [end + 4, door === 'sse' ? EVENTS : opened]
  }
  const length = Number(/content-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0)
  if (received.length < end + 4 + length) return undefined
  publish(received.slice(end + 4, end + 4 + length))
  return [end + 4 + length, CREATED]
}

/** SUBSCRIBE name, or PUBLISH name body. */
function redis(socket: Socket, received: string): [number, string] | undefined {
  const words: string[] = []
  let at = received.indexOf('\r\n') + 2
  for (let count = Number(received.slice(1, at - 2)); count > 0; count--) {
    const line = received.indexOf('\r\n', at)
    if (at < 2 || line < 0) return undefined
    const end = line + 2 + Number(received.slice(at + 1, line))
    if (received.length < end + 2) return undefined
    words.push(received.slice(line + 2, end))
    at = end + 2
  }
  const [verb, name = '', body = ''] = words
  if (verb === 'SUBSCRIBE') {
    subscribers.add(socket)
    return [at, `*3\r\n$9\r\nsubscribe\r\n$${name.length}\r\n${name}\r\n:1\r\n`]
  }
  publish(body)
  return [at, `:${subscribers.size}\r\n`]
}

/** A Socket.IO client's frame: short, and masked with zeros, so that its text stands there as it is. */
function frame(socket: Socket, received: string): [number, string] | undefined {
  const length = received.charCodeAt(1) & 0x7f
  if (received.length < 6 + length) return undefined
  const text = received.slice(6, 6 + length)
  if (text.startsWith('40')) return [6 + length, SOCKETIO_CONNECTED]
  if (!text.startsWith('42')) return [6 + length, '']
  subscribers.add(socket)
  return [6 + length, SOCKETIO_SUBSCRIBED]
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (data) => {
    rest += String(data)
    let replies = ''
    while (rest !== '') {
      const done = answer(socket, rest)
      if (done === undefined) break
      rest = rest.slice(done[0])
      replies += done[1]
    }
    if (replies !== '') socket.write(replies, 'latin1')
  })
  socket.on('error', () => {})
  socket.on('close', () => subscribers.delete(socket))
})

server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 })
