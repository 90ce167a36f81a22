/** Heads, lines, frames and bodies that are larger than they may be. */
import { describe, expect, it } from 'vitest'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { type DoorName, publishing, startAll } from './support.ts'

const LIMITS = 'limits: { maxBodyBytes: 64KiB, maxHeaderBytes: 4KiB }\n'
const LONG = 'x'.repeat(200_000)

/** What is sent, and what is answered before the connection is closed. */
const SENT: readonly [string, DoorName, string | Buffer, RegExp][] = [
  ['a request head', 'main', requestBytes('GET', '/', { 'X-Long': LONG }), /^HTTP\/1.1 431 /],
  ['a request line', 'main', requestBytes('GET', `/${LONG}`), /^HTTP\/1.1 431 /],
  ['a head without an end', 'main', `GET / HTTP/1.1\r\nX: ${LONG}`, /^HTTP\/1.1 431 /],
  ['a message', 'main', publishing(LONG), /^HTTP\/1.1 413 /],
  [
    'a chunk',
    'main',
    `POST /publisher/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n${LONG}`,
    /^HTTP\/1.1 413 /,
  ],
  ['a head on the feed', 'feed', `GET / HTTP/1.1\r\nX: ${LONG}`, /^HTTP\/1.1 431 /],
  [
    'a post to the feed',
    'feed',
    `POST /json HTTP/1.1\r\nContent-Length: 200010\r\n\r\n{"a":"${LONG}"}\n`,
    /^HTTP\/1.1 413 /,
  ],
  ['a line on the redis door', 'redis', `PING ${LONG}`, /^-ERR Protocol error: too big inline/],
  ['an argument', 'redis', `*2\r\n$4\r\nPING\r\n$200000\r\n`, /^-ERR Protocol error: invalid bulk/],
  ['a number of arguments', 'redis', '*2000000\r\n', /^-ERR Protocol error: invalid multibulk/],
  ['a line of fanout', 'fanout', 'x'.repeat(3_000_000), /^debug!connected\.\.\.\n$/],
  ['a packet', 'sparkleshare', `{"repo": "${LONG}"`, /^$/],
  ['a call', 'management', requestBytes('GET', `/user/listAll?x=${LONG}`), /^HTTP\/1.1 431 /],
]

describe('what is too large', () => {
  it.each(SENT)('%s is refused, and the server goes on', async (_, door, bytes, answer) => {
    const { ports, port } = await startAll(LIMITS)
    const client = await RawClient.connect(ports[door])

    client.send(bytes)

    expect(await client.rest()).toMatch(answer)
    expect((await request(port, 'POST', '/publisher/a', {}, 'x')).status).toBe(202)
  })

  it('a frame is refused before it has come', async () => {
    const { port } = await startAll(LIMITS)
    const client = await FrameClient.open(port)

    // The head of one of 1 GiB.
    client.raw.send(Buffer.from('81ff000000004000000000000000', 'hex'))

    expect((await client.closed()).code).toBe(1009)
  })

  it('a packet of Socket.IO is refused', async () => {
    const { port } = await startAll(LIMITS)
    const opened = await request(port, 'GET', '/socket.io/?EIO=4&transport=polling')
    const { sid } = JSON.parse(opened.body.toString().slice(1)) as { sid: string }

    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`
    const { status } = await request(port, 'POST', path, {}, `4${LONG}${LONG}`)

    expect(status).toBe(413)
  })
})
