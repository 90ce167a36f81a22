import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import type { ClosingWebSocket } from '../../../src/http/closing.ts'
import type { Standing } from '../../../src/access/standing.ts'
import type { StreamConnection } from '../../../src/http/stream.ts'
import type { Hub } from '../../../src/hub/hub.ts'
import { Traffic } from '../../../src/hub/traffic.ts'
import { makeId } from '../../../src/model/id.ts'
import { FrameEncoder } from '../../../src/protocols/websocket/codec.ts'
import { WebSocketConnection } from '../../../src/protocols/websocket/connection.ts'

/** A connection whose socket takes nothing until it is told to. */
function stalled(maxUnsentBytes: number) {
  const close = vi.fn<(code: number, reason: string) => void>()
  const socket = Object.assign(new EventEmitter(), { readyState: 1, OPEN: 1, close })
  const taken: (() => void)[] = []
  const stream = {
    unsent: 0,
    takesAll: false,
    write(bytes: Buffer): void {
      if (!stream.takesAll) stream.unsent += bytes.length
    },
    whenSent: (then: () => void): void => void taken.push(then),
    owedBy(): void {},
  }
  const context = {
    hub: { head: makeId(1, 0) } as Hub,
    encoder: new FrameEncoder(),
    maxChannels: 1,
    maxBodyBytes: 1,
    maxUnsentBytes,
    traffic: new Traffic(),
    onError: () => {},
  }
  const connection = new WebSocketConnection(
    socket as unknown as ClosingWebSocket,
    stream as unknown as StreamConnection,
    context,
    {} as Standing,
  )
  const ping = (): void => void socket.emit('message', Buffer.from('{"ping":1}'), false)
  return { connection, stream, taken, close, ping, traffic: context.traffic }
}

it('counts answers until the socket has taken them, however much else is on its way', () => {
  const { connection, stream, taken, close, ping } = stalled(1_000)
  // A large message goes first, and the socket is never empty from then on.
  connection.write(Buffer.alloc(100_000))
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 20; n++) ping()
    for (const then of taken.splice(0)) then()
  }
  expect(stream.unsent).toBeGreaterThan(100_000 + 400 * 10)
  expect(close).not.toHaveBeenCalled()
})

it('asks the socket once at a time, and gives up beyond the bound', () => {
  const { stream, taken, close, ping, traffic } = stalled(1_000)
  for (let n = 0; n < 1_000 && close.mock.calls.length === 0; n++) ping()
  expect(close).toHaveBeenCalledWith(1008, 'answers are not being read')
  expect(traffic.dropped.unread).toBe(1)
  expect(taken).toHaveLength(1)
  expect(stream.unsent).toBeLessThan(1_100)
})

it('counts nothing that the socket took at once', () => {
  const { stream, close, ping } = stalled(1_000)
  stream.takesAll = true
  for (let n = 0; n < 1_000; n++) ping()
  expect(close).not.toHaveBeenCalled()
})
