import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { expect, it, onTestFinished } from 'vitest'
import { RawClient, requestBytes } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { handshake } from '../protocols/websocket/frame-client.ts'

setFlagsFromString('--allow-natives-syntax')
/** Whether V8 knows where each property lies, or has to look it up by its name. */
const hasShape = runInThisContext('(object) => %HasFastProperties(object)') as (
  object: object,
) => boolean

it.each([
  ['events', requestBytes('GET', '/events/news', { Accept: 'text/event-stream' }), 'retry:'],
  ['a WebSocket', handshake('/ws/news'), '"subscribed"'],
])('a socket of %s has kept its shape', async (_door, request, opening) => {
  const sockets: Socket[] = []
  const made = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket)
  subscribe('net.server.socket', made)
  onTestFinished(() => void unsubscribe('net.server.socket', made))
  const { port } = await startServer()

  const client = await RawClient.connect(port)
  client.send(request)
  await client.takeUntil(opening)

  expect(sockets).toHaveLength(1)
  for (const socket of sockets) expect(hasShape(socket)).toBe(true)
})
