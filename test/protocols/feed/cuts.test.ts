import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChunkError, ChunkReader } from '../../../src/protocols/feed/chunked.ts'
import { PostBody } from '../../../src/protocols/feed/post.ts'
import { Refusal } from '../../../src/protocols/feed/refusal.ts'
import { readHead } from '../../../src/protocols/feed/request.ts'
import { RawClient } from '../../support/raw.ts'
import { startFeed } from './feed-client.ts'

const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 1_000)
/** Over a socket each takes some ms. */
const WIRE_RUNS = Math.min(RUNS, 200)

/** Bytes that the parsers look at, and others. */
const bytes = fc
  .array(
    fc.constantFrom('0', '1', 'a', 'F', ';', ':', ' ', '\r', '\n', '\r\n', '{}', '"', '\xff', '\0'),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))
const cuts = fc.array(fc.nat(60), { maxLength: 5 })

function pieces(whole: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((n) => Math.min(n, whole.length)).toSorted((a, b) => a - b)]
  return places.map((from, index) => whole.subarray(from, places[index + 1] ?? whole.length))
}

/** What comes of a body, however it is refused. */
function bodyOf(headers: string, parts: readonly Buffer[]): string {
  const request = readHead(`POST /x HTTP/1.1\r\n${headers}`)
  if (!request) throw new Error('a head that is right')
  try {
    const body = new PostBody(request, 100)
    for (const part of parts) if (!body.done) body.add(part)
    if (!body.done) body.ended()
    return `done ${body.take().toString('latin1')}`
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

describe('a body is the same however it is cut', () => {
  it.each(['', 'Content-Length: 7', 'Transfer-Encoding: chunked'])('with %s', (headers) => {
    fc.assert(
      fc.property(bytes, cuts, (whole, at) => {
        expect(bodyOf(headers, pieces(whole, at))).toBe(bodyOf(headers, [whole]))
      }),
      { numRuns: RUNS },
    )
  })

  it('and chunks give what was put into them', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })), cuts, (chunks, at) => {
        const wire = Buffer.concat([
          ...chunks.flatMap((chunk) => [
            Buffer.from(`${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('0\r\n\r\n'),
        ])
        const got: Buffer[] = []
        const reader = new ChunkReader((piece) => got.push(Buffer.from(piece)))
        for (const piece of pieces(wire, at)) reader.add(piece)
        expect(reader.done).toBe(true)
        expect(Buffer.concat(got)).toEqual(Buffer.concat(chunks))
      }),
      { numRuns: RUNS },
    )
  })

  it('and a line of a size that has no end is refused', () => {
    const reader = new ChunkReader(() => {})
    expect(() => {
      for (let n = 0; n < 1_000; n++) reader.add(Buffer.from('1'))
    }).toThrow(ChunkError)
  })
})

it('whatever is sent, the server answers or closes, and goes on', async () => {
  const { feedPort } = await startFeed(
    'stillalive: 20ms, requestTimeout: 40ms, bodyTimeout: 40ms',
    'limits: { maxHeaderBytes: 1KiB, maxBodyBytes: 1KiB }',
  )
  const start = fc.constantFrom(
    '',
    'POST /x HTTP/1.1\r\n',
    'PUT /x HTTP/1.1\r\nContent-Length: 5\r\n\r\n',
    'POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HEAD / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n',
  )
  await fc.assert(
    fc.asyncProperty(start, bytes, cuts, fc.boolean(), async (head, rest, at, ends) => {
      const client = await RawClient.connect(feedPort)
      for (const piece of pieces(Buffer.concat([Buffer.from(head), rest]), at)) client.send(piece)
      if (ends) client.socket.end()
      expect(await client.rest()).toMatch(/^$|^(?:HTTP\/1\.1 \d{3} )/)
    }),
    { numRuns: WIRE_RUNS },
  )
  const client = await RawClient.connect(feedPort)
  client.send('POST /x HTTP/1.1\r\n\r\n[]\n')
  expect(await client.rest()).toContain('Message sent!')
}, 120_000)
