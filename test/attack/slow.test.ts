/** Clients that begin something and do not come to its end. Each is closed, and nobody else notices. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { RawClient, request } from '../support/raw.ts'
import { PATHS } from '../support/server.ts'
import { handshake } from '../protocols/websocket/frame-client.ts'
import { type DoorName, publishing, startAll } from './support.ts'

const LIMITS =
  'limits: { headersTimeout: 300ms, requestTimeout: 600ms, handshakeTimeout: 300ms, heartbeat: 150ms }\n'
const FEED = 'requestTimeout: 300ms, bodyTimeout: 300ms, stillalive: 100ms'

/** What is begun, a byte every few ms; the last is repeated. */
const BEGUN: readonly [string, DoorName, string][] = [
  ['a request head', 'main', 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: aaaaaaaaaaaaaaaa'],
  ['a request body', 'main', publishing('x').toString().replace('Length: 1', 'Length: 9999')],
  [
    'a chunked body',
    'main',
    'POST /publisher/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nx',
  ],
  ['the handshake of a WebSocket', 'main', handshake('/ws/a').toString().slice(0, -2)],
  ['the head of a post to the feed', 'feed', 'POST /json HTTP/1.1\r\nX-Long: aaaaaaaaaa'],
  ['the body of one', 'feed', 'POST /json HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{"a": "'],
  ['an argument of a command', 'redis', '*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$5000\r\nx'],
  ['the head of a command', 'redis', '*3\r\n$7\r\nPUBLISH\r\n$1'],
  ['a packet', 'sparkleshare', '{"repo": "aaaaaaaaaaaaaaaaaaaaa'],
  ['a call of a service', 'management', 'GET /user/listAll HTTP/1.1\r\nHost: 127.0.0.1\r\nX: aaa'],
]

describe.each(PATHS)('over $path, a client that takes its time with', ({ lean }) => {
  it.each(BEGUN)('%s is closed', async (_, door, bytes) => {
    const { ports, port } = await startAll(LIMITS, FEED, { lean })
    const slow = await RawClient.connect(ports[door])
    slow.socket.setNoDelay(true)
    slow.send(bytes.slice(0, -1))

    const dribble = setInterval(() => slow.send(bytes.slice(-1)), 20)
    onTestFinished(() => clearInterval(dribble))

    await slow.rest()
    expect((await request(port, 'POST', '/publisher/a', {}, 'x')).status).toBe(202)
  })
})
