import { describe, expect, it, vi } from 'vitest'
import { chunksOf, NotConnectedError, openSocket } from '../../src/client/socket.ts'
import { loadZmq } from '../../src/client/zmq.ts'
import { fakeServer } from './fake-server.ts'

describe('a connection', () => {
  it('that is silent for too long is dead', async () => {
    const port = await fakeServer((socket) => void socket.write('hello'))
    const socket = await openSocket({ host: '127.0.0.1', port })
    const chunks = chunksOf(socket, 60)
    expect((await chunks.next()).value?.toString()).toBe('hello')
    await expect(chunks.next()).rejects.toThrow('the server is silent')
    expect(socket.destroyed).toBe(true)
  })

  it('with signs of life is not', async () => {
    const port = await fakeServer((socket) => {
      const life = setInterval(() => socket.write('.'), 10)
      socket.on('close', () => clearInterval(life))
    })
    const socket = await openSocket({ host: '127.0.0.1', port })
    let heard = 0
    for await (const chunk of chunksOf(socket, 200)) {
      heard += chunk.length
      if (heard >= 40) break
    }
    expect(heard).toBeGreaterThanOrEqual(40)
    expect(socket.destroyed).toBe(true)
  })

  it('that is not made tells so: nothing was sent', async () => {
    const port = await fakeServer(() => {})
    const stop = new AbortController()
    const { signal } = stop
    stop.abort()
    const failures = [
      openSocket({ host: '127.0.0.1', port, signal }),
      openSocket({ host: '127.0.0.1', port: 1 }),
    ]
    for (const failure of failures) await expect(failure).rejects.toThrow(NotConnectedError)
  })
})

it('a missing zeromq is said in words', async () => {
  vi.doMock('zeromq', () => {
    throw new Error('no such package')
  })
  await expect(loadZmq()).rejects.toThrow('zmq: URLs need the package zeromq')
  vi.doUnmock('zeromq')
})
