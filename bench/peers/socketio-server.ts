/**
 * A stock server of Socket.IO 4, with its defaults. A client joins a room by the event `subscribe`; what
 * is posted to /publisher/ROOM, or sent with the event `publish`, is broadcast to the room.
 *
 *     node socketio-server.js PORT [recovery]
 */
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const PREFIX = '/publisher/'

const http = createServer((request, response) => {
  const room = (request.url ?? '').slice(PREFIX.length)
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    io.to(room).emit('message', Buffer.concat(pieces).toString())
    response.writeHead(201, { 'Content-Length': 0 })
    response.end()
  })
})
const recovery = process.argv[3] === 'recovery' ? { connectionStateRecovery: {} } : {}
const io = new Server(http, recovery)

io.on('connection', (socket) => {
  socket.on('subscribe', (room: string, joined: (answer: object) => void) => {
    void socket.join(room)
    joined({ ok: true })
  })
  socket.on('publish', (room: string, message: string, done: (answer: object) => void) => {
    io.to(room).emit('message', message)
    done({ ok: true })
  })
})

// As the others: a publisher that rests is not sent away.
http.keepAliveTimeout = 0
http.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
