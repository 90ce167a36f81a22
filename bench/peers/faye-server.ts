/**
 * A stock server of faye, with its defaults. What is posted to /publisher/CHANNEL is published to
 * /CHANNEL.
 *
 *     node faye-server.js PORT
 */
import { createServer } from 'node:http'
import faye from 'faye'

const PREFIX = '/publisher/'

const bayeux = new faye.NodeAdapter({ mount: '/faye', timeout: 45 })

const http = createServer((request, response) => {
  const channel = (request.url ?? '').slice(PREFIX.length)
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const text = Buffer.concat(pieces).toString()
    void bayeux
      .getClient()
      .publish(`/${channel}`, text)
      .then(() => {
        response.writeHead(201, { 'Content-Length': 0 })
        response.end()
      })
  })
})
bayeux.attach(http)

// As the others: a publisher that rests is not sent away.
http.keepAliveTimeout = 0
http.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 })
