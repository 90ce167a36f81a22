import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server of somebody else's, of bytes. @returns its port */
export async function fakeServer(then: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    then(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server that says something to whoever connects, byte by byte, and listens to nothing. */
export function saying(bytes: string): Promise<number> {
  return fakeServer((socket) => {
    socket.setNoDelay(true)
    for (const byte of Buffer.from(bytes)) socket.write(Buffer.from([byte]))
  })
}
