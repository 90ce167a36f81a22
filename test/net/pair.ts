import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Both ends of a connection; the near one is as it was accepted. */
export async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ noDelay: true, allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('it listens')
  const accepted = once(server, 'connection')
  const far = connect({ port: address.port, host: '127.0.0.1' })
  const [near] = (await accepted) as [Socket]
  near.on('error', () => {})
  far.on('error', () => {})
  onTestFinished(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return { near, far }
}
