import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { request, requestBytes } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

/** A subscriber that counts what it hears and reads only as fast as it is told. */
class Reader {
  readonly socket: Socket
  /** Sequence numbers in the order in which they came. */
  readonly heard: number[] = []
  /** Gaps told, as `[sequence number before it, next one]`. */
  gaps = 0
  #rest = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.#read(bytes.toString('latin1')))
  }

  static async open(port: number, path: string): Promise<Reader> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    onTestFinished(() => {
      socket.destroy()
    })
    const reader = new Reader(socket)
    socket.write(requestBytes('GET', path, { Accept: 'text/event-stream' }))
    return reader
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('data: #')) this.heard.push(Number.parseInt(line.slice(7), 10))
      else if (line === 'event: gap') this.gaps++
    }
  }
}

const MESSAGES = 8_000
const BODY = 'x'.repeat(1_000)

/** 16 a turn, so that batches form; the answers are waited for. */
async function publishAll(port: number, from: number, to: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  let answers = 0
  socket.on('data', (bytes) => {
    answers += bytes.toString('latin1').split('HTTP/1.1 20').length - 1
  })
  for (let n = from; n < to; n++) {
    socket.write(requestBytes('POST', '/publisher/slow', {}, `#${n} ${BODY}`))
    if (n % 16 === 15) await until(() => answers >= n + 1 - from - 64, 'answers')
  }
  await until(() => answers === to - from, 'all answers')
  socket.destroy()
}

const ALL = Array.from({ length: MESSAGES }, (_, n) => n)

it('slow readers cost others nothing, a bound of memory, and get all that is kept', async () => {
  const bound = 256 * 1024
  const { port, server } = await startServer(`limits: { maxUnsentBytes: ${bound} }`)
  const quick = await Promise.all(ALL.slice(0, 60).map(() => Reader.open(port, '/events/slow')))
  const stalled = await Promise.all(ALL.slice(0, 10).map(() => Reader.open(port, '/events/slow')))
  await until(() => server.hub().receivers('slow' as never) === 70, 'everybody listens')
  for (const { socket } of stalled) socket.pause()
  const before = process.memoryUsage().arrayBuffers

  await publishAll(port, 0, MESSAGES)
  await until(
    () => quick.every(({ heard }) => heard.length === MESSAGES),
    'the quick have all',
    30_000,
  )

  // What the store keeps is one copy for all; each stalled reader costs at most its bound.
  const kept = MESSAGES * BODY.length
  const cost = process.memoryUsage().arrayBuffers - before - kept
  expect(cost).toBeLessThan(stalled.length * bound + 32 * 2 ** 20)
  for (const { heard } of quick) expect(heard).toEqual(ALL)
  expect(stalled[0]?.heard.length).toBeLessThan(MESSAGES)

  for (const { socket } of stalled) socket.resume()
  await until(
    () => stalled.every(({ heard }) => heard.length === MESSAGES),
    'the slow have all',
    30_000,
  )
  for (const { heard, gaps } of stalled) {
    expect(heard).toEqual(ALL)
    expect(gaps).toBe(0)
  }
})

it('tells a slow reader what is no longer kept, once, and goes on with what is', async () => {
  const { port, server } = await startServer(
    '{ store: { type: memory, max_messages: 500 }, limits: { maxUnsentBytes: 65536 } }',
  )
  const reader = await Reader.open(port, '/events/slow')
  await until(() => server.hub().receivers('slow' as never) === 1, 'it listens')
  reader.socket.pause()
  await publishAll(port, 0, MESSAGES)

  reader.socket.resume()
  await until(() => reader.heard.at(-1) === MESSAGES - 1, 'it has caught up', 30_000)

  const missing = reader.heard.filter(
    (n, index) => index > 0 && n !== (reader.heard[index - 1] ?? 0) + 1,
  )
  expect(reader.gaps).toBe(1)
  expect(missing).toHaveLength(1)
  expect(new Set(reader.heard).size).toBe(reader.heard.length)
  expect(reader.heard.slice(-500)).toEqual(ALL.slice(-500))
  // And it is live again.
  await request(port, 'POST', '/publisher/slow', {}, `#${MESSAGES} after`)
  await until(() => reader.heard.at(-1) === MESSAGES, 'it hears the next one')
})
