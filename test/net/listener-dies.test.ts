import { once } from 'node:events'
import type { Server } from 'node:net'
import { connect } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { TcpListener } from '../../src/net/listener.ts'
import { until } from '../support/wait.ts'

const servers: Server[] = []

vi.mock('node:net', async (original) => {
  const net = await original<typeof import('node:net')>()
  return {
    ...net,
    createServer: (...args: Parameters<typeof net.createServer>) => {
      const server = net.createServer(...args)
      servers.push(server)
      return server
    },
  }
})

it('opens a port again that was closed under it, and says so', async () => {
  const errors: unknown[] = []
  const listener = new TcpListener(
    (socket) => socket.end('hello'),
    (error) => errors.push(error),
  )
  onTestFinished(() => listener.close())
  const { port = 0 } = (await listener.listen({ port: 0, address: '127.0.0.1' })) ?? {}

  servers[0]?.close()
  await until(() => servers.length === 2 && servers[1]?.listening === true, 'it listens again')

  const socket = connect(port, '127.0.0.1')
  const [said] = (await once(socket, 'data')) as [Buffer]
  expect(said.toString()).toBe('hello')
  expect(errors.map(String)).toEqual([
    `Error: the port 127.0.0.1:${port} was closed; it is opened again`,
  ])
})

it('leaves it closed when it was given up', async () => {
  const listener = new TcpListener(
    () => {},
    (error) => {
      throw error
    },
  )
  await listener.listen({ port: 0, address: '127.0.0.1' })
  const count = servers.length
  await listener.close()
  expect(servers).toHaveLength(count)
  expect(listener.address).toBeUndefined()
})
