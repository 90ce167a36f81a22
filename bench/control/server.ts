/**
 * The control row: the bytes that our SSE door sends, from bare node:net sockets. The messages of one
 * loop turn are joined, encoded once as one chunk, and written once to each subscriber. It keeps no
 * messages, knows one channel, and reads only the requests that the load generator sends.
 *
 *     node server.js PORT
 */
import { createServer, type Socket } from 'node:net'

const CREATED = 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'
const EVENTS =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n'

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
  pending.push(`id: ${nextId()}\ndata: ${body}\n\n`)
}

function flush(): void {
  const events = pending.join('')
  pending = []
  const chunk = Buffer.from(`${events.length.toString(16)}\r\n${events}\r\n`, 'latin1')
  for (const socket of subscribers) socket.write(chunk)
}

/** Handles the requests that are complete; returns what is left. */
function handle(socket: Socket, received: string): string {
  let rest = received
  let replies = ''
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) break
    if (rest.startsWith('GET ')) {
      subscribers.add(socket)
      replies += EVENTS
      rest = rest.slice(end + 4)
      continue
    }
    const length = Number(/content-length: (\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
    if (rest.length < end + 4 + length) break
    publish(rest.slice(end + 4, end + 4 + length))
    rest = rest.slice(end + 4 + length)
    replies += CREATED
  }
  if (replies !== '') socket.write(replies, 'latin1')
  return rest
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('data', (data) => {
    rest = handle(socket, rest + String(data))
  })
  socket.on('error', () => {})
  socket.on('close', () => subscribers.delete(socket))
})

server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
