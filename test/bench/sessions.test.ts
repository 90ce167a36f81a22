import { describe, expect, it } from 'vitest'
import type { Session } from '../../bench/doors/door.ts'
import { longpollDoor } from '../../bench/doors/longpoll.ts'
import { postForm } from '../../bench/doors/http.ts'
import { respEnd, xreadDoor } from '../../bench/doors/redis.ts'
import { ENVELOPES, sseDoor, websocketDoor } from '../../bench/doors/stream.ts'

const publish = postForm((channel) => `/publisher/${channel}`, false)

/** What the client's next connection begins with, after it was sent this in pieces of one size. */
function openingAfter(session: Session, stream: string, size: number): string {
  session.connect()
  const bytes = Buffer.from(stream, 'latin1')
  for (let at = 0; at < bytes.length; at += size) {
    session.take(bytes, at, Math.min(bytes.length, at + size))
  }
  const [step] = session.connect()
  const send = typeof step?.send === 'function' ? step.send() : step?.send
  return Buffer.from(send ?? session.ask?.() ?? []).toString('latin1')
}

/** An entry of a stream. */
function entry(id: string): string {
  return `*2\r\n$${id.length}\r\n${id}\r\n*2\r\n$4\r\nbody\r\n$1\r\nx\r\n`
}

describe.each([1, 7, 1000])('a client of the load generator, with reads of %i bytes', (size) => {
  it('comes back to SSE with the id of the last whole event', () => {
    const session = sseDoor((channel) => `/events/${channel}`, publish).returning?.session('a')
    if (session === undefined) throw new Error('no session')

    const stream = '21\r\nid: 7-0\ndata: x\n\nid: 7-1\ndata: y\n\n\r\n1f\r\nid: 7-2\ndata: cut'

    expect(openingAfter(session, stream, size)).toContain('\r\nLast-Event-ID: 7-1\r\n')
  })

  it('comes back to WebSocket with the id of the last whole frame', () => {
    const door = websocketDoor((channel) => `/ws/${channel}`, publish, ENVELOPES)
    const session = door.returning?.session('a')
    if (session === undefined) throw new Error('no session')

    const stream = '{"subscribed":["a"],"position":"6-3"}{"id":"7-1","body":"x"}{"id":"7-2","bo'

    expect(openingAfter(session, stream, size)).toContain('GET /ws/a?since=7-1 ')
  })

  it('asks XREAD for what comes after the last entry of a whole reply', () => {
    const session = xreadDoor('main').returning?.session('a')
    if (session === undefined) throw new Error('no session')
    const reply = `*1\r\n*2\r\n$1\r\na\r\n*2\r\n${entry('7-1')}${entry('7-2')}`

    expect(openingAfter(session, reply + reply.slice(0, 40), size)).toMatch(/\r\n7-2\r\n$/)
  })

  it('polls again with the last answer as its cursor', () => {
    const door = longpollDoor((channel) => `/subscriber/${channel}`, publish)
    const session = door.returning?.session('a')
    if (session === undefined) throw new Error('no session')
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nLast-Modified: then\r\nEtag: 3\r\n\r\nx'

    expect(openingAfter(session, answer, size)).toContain('If-None-Match: 3\r\n')
  })
})

it('a reply of Redis is complete with its last byte, and not before', () => {
  const reply = Buffer.from('*2\r\n$1\r\na\r\n*1\r\n$-1\r\n')
  for (let length = 0; length < reply.length; length++) {
    expect(respEnd(reply.subarray(0, length), 0)).toBe(-1)
  }
  expect(respEnd(reply, 0)).toBe(reply.length)
})
