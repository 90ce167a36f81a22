/**
 * Whatever bytes a client sends, in whatever pieces: the lean path and node:http alone see the same
 * requests in it, do the same, and answer the same. So nobody between us and a client can be brought
 * to another opinion than ours about where a request ends.
 */
import * as fc from 'fast-check'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'
import { STREAM, type Stream } from './streams.ts'
import { type Answer, answersIn } from './support.ts'

const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 1_500)

const CONFIG = `
limits: { maxBodyBytes: 200, maxHeaderBytes: 1KiB }
locations:
  - { type: publisher, prefix: /p/ }
  - { type: subscriber, prefix: /s/, polling: interval }
  - { type: subscriber, prefix: /w/, create_on_get: true }
`

/** Where the answers may differ, and why. */
const IGNORED_HEADERS = new Set([
  // The time, and ids made of it.
  'date',
  'fanfare-id',
  'last-modified',
  'etag',
  // node:http says that a connection stays, which goes without saying in HTTP/1.1.
  'connection',
  'keep-alive',
  // Differs where the words of a body do: see `wordsOf`.
  'content-length',
])

/**
 * - What nobody could read is complained of by whoever noticed: the status is the same, the words are not.
 * - Seconds may turn between the two.
 */
function wordsOf(body: string): string {
  return body
    .replace(/^(400 bad_request): .*/, '$1')
    .replace(/last requested: \d+/, 'last requested: N')
}

function comparable({ status, headers, body }: Answer): unknown {
  const relevant = [...headers].filter(([name]) => !IGNORED_HEADERS.has(name))
  return { status, headers: relevant, body: wordsOf(body) }
}

/** What came back, without what may differ. */
function normalized(text: string, { bytes, heads }: Stream): unknown {
  const answers = answersIn(text, heads)
  // A chunked body that is too large as well as malformed is refused for what node:http hands out
  // first, which hangs on the pieces in which it came.
  const chunked = /transfer-encoding/i.test(bytes)
  return answers.map((answer) =>
    chunked && [400, 413].includes(answer.status) ? 'malformed or too large' : comparable(answer),
  )
}

/** Sends a stream in pieces, closes its half, and gives all that came back. */
async function exchange(port: number, bytes: string, places: readonly number[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  let received = ''
  let failure: Error | undefined
  socket.on('data', (piece) => (received += piece.toString('latin1')))
  socket.on('error', (error) => (failure = error))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  let from = 0
  for (const place of [...places, bytes.length]) {
    // A server that has answered its last may have closed meanwhile.
    if (!socket.writable) break
    if (place > from) socket.write(Buffer.from(bytes.slice(from, place), 'latin1'))
    from = place
    await new Promise(setImmediate)
  }
  socket.end()
  await closed
  if (failure) throw failure
  return received
}

/** What is in the channels afterwards: which requests were seen, and what as. */
async function stored({ port }: TestServer): Promise<string> {
  const ask = ['a', 'b', 'a%2fb', 'smuggled']
    .map(
      (channel) =>
        `GET /s/${channel} HTTP/1.1\r\nHost: x\r\n\r\nDELETE /p/${channel} HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    .join('')
  const answers = answersIn(await exchange(port, ask, []))
  return JSON.stringify(answers.map(comparable), undefined, 1)
}

it(
  'sees the same requests on both paths, and answers the same',
  async () => {
    const lean = await startServer(CONFIG, { lean: true })
    const node = await startServer(CONFIG, { lean: false })
    const statuses = new Set<string>()

    await fc.assert(
      fc.asyncProperty(STREAM, async (stream) => {
        const { bytes, places } = stream
        const [one, other] = await Promise.all([
          exchange(lean.port, bytes, places),
          exchange(node.port, bytes, places),
        ])
        expect(normalized(one, stream)).toEqual(normalized(other, stream))
        expect(await stored(lean)).toEqual(await stored(node))
        for (const [, status = ''] of one.matchAll(/^HTTP\/1\.1 (\d+)/gm)) statuses.add(status)
      }),
      { numRuns: RUNS },
    )

    // The streams are of all kinds: requests that are done, refused, and not understood.
    if (RUNS >= 500) {
      expect([...statuses]).toEqual(
        expect.arrayContaining(['200', '202', '400', '404', '405', '413']),
      )
    }
  },
  60_000 + RUNS * 50,
)
