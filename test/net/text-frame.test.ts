import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { textFrame, textFrames, textsOf } from '../../src/net/text-frame.ts'
import { until } from '../support/wait.ts'

const TEXTS = ['', 'a', 125, 126, 'ü☃', 65_535, 65_536].map((text) =>
  typeof text === 'number' ? 'x'.repeat(text) : text,
)

it('is read by others as it was meant', async () => {
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer().listen(0, '127.0.0.1')
  server.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, () => socket.write(textFrames(TEXTS)))
  })
  await once(server, 'listening')
  const read: string[] = []
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('message', (data: Buffer) => read.push(data.toString()))
  onTestFinished(() => {
    client.terminate()
    server.close()
  })

  await until(() => read.length === TEXTS.length, 'all are read')

  expect(read).toEqual(TEXTS)
})

it('is read back', () => {
  expect(textsOf(textFrames(TEXTS))).toEqual(TEXTS)
  expect(textsOf(textFrame('one'))).toEqual(['one'])
  expect(textsOf(Buffer.alloc(0))).toEqual([])
})
