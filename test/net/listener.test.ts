import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { TcpListener } from '../../src/net/listener.ts'

const HERE = { port: 0, address: '127.0.0.1' }

function throwing(error: unknown): never {
  throw error
}

/** A listener that says its name to whoever connects. */
function saying(name: string, most?: number): TcpListener {
  const listener = new TcpListener(
    (socket) => socket.write(name),
    throwing,
    most === undefined ? {} : { most },
  )
  onTestFinished(() => listener.close())
  return listener
}

async function client(port: number): Promise<{ socket: Socket; said: string }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const [said] = (await once(socket, 'data')) as [Buffer]
  return { socket, said: said.toString() }
}

it('hands its port over when it is drained, and keeps its connections', async () => {
  const [first, second] = [saying('first'), saying('second')]
  const { port = 0 } = (await first.listen(HERE)) ?? {}
  const kept = await client(port)
  expect(await second.listen(HERE, first)).toMatchObject({ port })
  expect((await client(port)).said).toBe('first')

  const drained = first.drain()
  expect((await client(port)).said).toBe('second')
  expect([first.size, second.size]).toEqual([2, 1])
  expect(kept.socket.destroyed).toBe(false)
  const [other] = await Promise.all([once(kept.socket, 'close'), first.close(), drained])
  expect(other).toEqual([false])
  expect((await client(port)).said).toBe('second')
})

it('keeps its port when whoever was to take it over is closed before', async () => {
  const [first, second, third] = [saying('first'), saying('second'), saying('third')]
  const { port = 0 } = (await first.listen(HERE)) ?? {}
  await second.listen(HERE, first)
  await second.close()
  expect((await client(port)).said).toBe('first')
  await third.listen(HERE, first)
  void first.drain()
  expect((await client(port)).said).toBe('third')
})

it('listens beside the former one at another place', async () => {
  const [first, second] = [saying('first'), saying('second')]
  const { port = 0 } = (await first.listen(HERE)) ?? {}
  const bound = await second.listen({ port: 0, address: '127.0.0.2' }, first)
  expect(bound?.address).toBe('127.0.0.2')
  void first.drain()
  const socket = connect(port, '127.0.0.1')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
})

it('is drained at once where nobody is connected, and once the last has left where somebody is', async () => {
  const listener = saying('first')
  const { port = 0 } = (await listener.listen(HERE)) ?? {}
  const { socket } = await client(port)
  let isDrained = false
  const drained = listener.drain().then(() => (isDrained = true))
  const late = connect(port, '127.0.0.1')
  await once(late, 'error')
  expect(isDrained).toBe(false)
  socket.destroy()
  await drained
  await saying('nobody').drain()
})

it('takes as many connections as it is told now', async () => {
  const listener = saying('first', 1)
  const { port = 0 } = (await listener.listen(HERE)) ?? {}
  await client(port)
  const refused = connect(port, '127.0.0.1')
  await once(refused, 'close')
  listener.most = 2
  expect((await client(port)).said).toBe('first')
})
