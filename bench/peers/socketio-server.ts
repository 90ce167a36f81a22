/**
 * A stock server of Socket.IO 4, with its defaults. A client joins a room by the event `subscribe`; what
 * is posted to /publisher/ROOM is broadcast to the room.
 *
 *     node socketio-server.js PORT
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
const io = new Server(http)

io.on('connection', (socket) => {
  socket.on('subscribe', (room: string, joined: (answer: object) => void) => {
    void socket.join(room)
    joined({ ok: true })
  })
})

http.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
