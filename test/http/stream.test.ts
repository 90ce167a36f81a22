import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StreamConnection, type StreamOptions } from '../../src/http/stream.ts'
import type { Subscription } from '../../src/hub/contract.ts'
import { Wheel } from '../../src/net/wheel.ts'
import { until } from '../support/wait.ts'

const MiB = 2 ** 20
const BEAT = Buffer.from(':\n\n')

/** A subscription that only says whether it was closed. */
class Closable {
  closed = 0
  close(): void {
    this.closed++
  }
}

interface Pair {
  readonly stream: StreamConnection
  readonly subscription: Closable
  readonly server: Socket
  readonly client: Socket
  /** What the client has read. */
  readonly text: () => string
  readonly bytes: () => number
}

/** A stream with a client at the other end of a real connection. */
async function open(options: Partial<StreamOptions> & { wheel: Wheel }): Promise<Pair> {
  const listener: Server = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1')
  const [server] = (await once(listener, 'connection')) as [Socket]
  onTestFinished(() => {
    client.destroy()
    server.destroy()
    listener.close()
  })
  client.on('error', () => {})
  const pieces: Buffer[] = []
  let bytes = 0
  client.on('data', (piece) => {
    bytes += piece.length
    if (bytes < MiB) pieces.push(piece)
  })
  // As on the main port: what a subscriber says is read and ignored.
  server.on('data', () => {})
  const stream = new StreamConnection(server, { heartbeat: undefined, idleTimeout: 0, ...options })
  const subscription = new Closable()
  stream.attach(subscription as unknown as Subscription)
  const text = (): string => Buffer.concat(pieces).toString('latin1')
  return { stream, subscription, server, client, text, bytes: () => bytes }
}

/** Fills the socket of a client that does not read, until the kernel takes no more. */
async function fill({ stream, client }: Pair): Promise<number> {
  client.pause()
  let written = 0
  while (stream.unsent === 0) {
    stream.write(Buffer.alloc(MiB))
    written += MiB
    await new Promise(setImmediate)
  }
  return written
}

describe('heartbeats', () => {
  it('come to everybody once in a revolution, not to all at the same step', async () => {
    const wheel = new Wheel(1_000, 5)
    const pairs = await Promise.all(
      Array.from({ length: 10 }, () => open({ wheel, heartbeat: BEAT })),
    )
    const total = (): number => pairs.reduce((sum, { bytes }) => sum + bytes() / BEAT.length, 0)
    for (let step = 1; step <= 5; step++) {
      wheel.turn()
      await until(() => total() === 2 * step, 'the heartbeats of this step')
    }
    expect(pairs.map(({ text }) => text())).toEqual(pairs.map(() => ':\n\n'))
  })

  it('do not come where there are none, nor behind what is unsent, nor behind the end', async () => {
    const wheel = new Wheel(1_000, 1)
    const none = await open({ wheel })
    const full = await open({ wheel, heartbeat: BEAT })
    const ended = await open({ wheel, heartbeat: BEAT })
    const written = await fill(full)
    const large = Buffer.alloc(16 * MiB, 'x')
    ended.client.pause()
    ended.stream.end(large)

    wheel.turn()
    none.stream.end()
    full.stream.end()
    for (const { client } of [full, ended]) client.resume()
    await Promise.all([none, full, ended].map(async ({ client }) => once(client, 'close')))

    expect(none.bytes()).toBe(0)
    expect(full.bytes()).toBe(written)
    expect(ended.bytes()).toBe(large.length)
  })
})

describe('a stream whose client takes nothing', () => {
  it('is closed after the idle time, and its subscription with it', async () => {
    const wheel = new Wheel(1_000, 1)
    const pair = await open({ wheel, idleTimeout: 100 })
    await fill(pair)
    const start = performance.now()

    await until(() => {
      wheel.turn()
      return pair.server.destroyed
    }, 'it is closed')

    expect(performance.now() - start).toBeGreaterThanOrEqual(100)
    await until(() => pair.subscription.closed === 1, 'the subscription is closed')
    expect(wheel.size).toBe(0)
  })

  it('stays, when no idle time is given', async () => {
    const wheel = new Wheel(1_000, 1)
    const pair = await open({ wheel, idleTimeout: 0 })
    const other = await open({ wheel, idleTimeout: 50 })
    await fill(pair)
    await fill(other)
    await until(() => {
      wheel.turn()
      return other.server.destroyed
    }, 'the other one is closed')
    expect(pair.server.destroyed).toBe(false)
  })

  it('is given the whole time again by every byte that it takes', async () => {
    const wheel = new Wheel(1_000, 1)
    const idleTimeout = 300
    const pair = await open({ wheel, idleTimeout })
    const { client, server, stream } = pair
    client.on('data', () => {
      client.pause()
      setTimeout(() => client.resume(), 2)
    })
    const start = performance.now()
    // One write, larger than all buffers: its parts count, or it would look as if nothing moved.
    const whole = Buffer.alloc(48 * MiB)
    stream.write(whole)

    await until(() => {
      wheel.turn()
      return server.destroyed || pair.bytes() === whole.length
    }, 'all is read')

    expect(pair.bytes()).toBe(whole.length)
    expect(performance.now() - start).toBeGreaterThan(3 * idleTimeout)
  })

  it('is not idle while there is nothing to take', async () => {
    const wheel = new Wheel(1_000, 1)
    const quiet = await open({ wheel, idleTimeout: 50 })
    const full = await open({ wheel, idleTimeout: 150 })
    await fill(full)
    await until(() => {
      wheel.turn()
      return full.server.destroyed
    }, 'the full one is closed')
    expect(quiet.server.destroyed).toBe(false)
    quiet.stream.write(Buffer.from('still there'))
    await until(() => quiet.text() === 'still there', 'it is heard')
  })
})

describe('what is unsent', () => {
  it('is what the kernel has not taken', async () => {
    const pair = await open({ wheel: new Wheel(1_000) })
    const { client, stream } = pair
    stream.write(Buffer.from('small'))
    expect(stream.unsent).toBe(0)

    const written = await fill(pair)
    expect(stream.unsent).toBeGreaterThan(0)
    expect(stream.unsent).toBeLessThanOrEqual(written)
    stream.write(Buffer.alloc(10))
    expect(stream.unsent).toBeGreaterThan(10)

    client.resume()
    await until(() => stream.unsent === 0, 'all is taken')
    await until(() => pair.bytes() === 5 + written + 10, 'all is read')
  })

  it('calls back once it is taken, each call behind what was written before it', async () => {
    const pair = await open({ wheel: new Wheel(1_000) })
    const { client, stream } = pair
    const calls: string[] = []
    await fill(pair)
    const before = stream.unsent
    stream.whenSent(() => calls.push(`first ${stream.unsent <= MiB}`))
    stream.write(Buffer.alloc(MiB))
    stream.whenSent(() => calls.push(`second ${stream.unsent}`))
    await new Promise(setImmediate)
    expect(calls).toEqual([])
    expect(stream.unsent).toBe(before + MiB)

    client.resume()
    await until(() => calls.length === 2, 'both are called')
    expect(calls).toEqual(['first true', 'second 0'])
  })

  it('calls back soon when there is nothing, though not before whenSent has returned', async () => {
    const { stream } = await open({ wheel: new Wheel(1_000) })
    for (let n = 0; n < 2; n++) {
      let called = false
      stream.whenSent(() => (called = true))
      expect(called).toBe(false)
      await until(() => called, 'it is called')
    }
  })

  it('never calls back once the connection is closed or ended', async () => {
    const wheel = new Wheel(1_000)
    const pairs = await Promise.all([open({ wheel }), open({ wheel }), open({ wheel })])
    const [closing, closed, ended] = pairs
    let calls = 0
    await fill(closing)
    closing.stream.whenSent(() => calls++)
    closing.client.destroy()
    await until(() => closing.subscription.closed === 1, 'it is closed')
    closed.server.destroy()
    closed.stream.whenSent(() => calls++)
    await until(() => closed.subscription.closed === 1, 'it is closed')
    closed.stream.whenSent(() => calls++)
    ended.stream.end(Buffer.from('end'))
    ended.stream.whenSent(() => calls++)
    await once(ended.client, 'close')

    expect(ended.text()).toBe('end')
    expect(calls).toBe(0)
  })
})

describe('the end of a stream', () => {
  it('closes its subscription once, whoever brings it about', async () => {
    const wheel = new Wheel(1_000)
    const ways: ((pair: Pair) => void)[] = [
      ({ client }) => client.destroy(),
      ({ client }) => client.resetAndDestroy(),
      ({ server }) => server.destroy(),
      ({ stream }) => stream.ended('gap'),
      ({ stream }) => stream.end(Buffer.from('bye')),
    ]
    for (const way of ways) {
      const pair = await open({ wheel })
      way(pair)
      await until(() => pair.subscription.closed > 0, 'the subscription is closed')
      expect(pair.subscription.closed).toBe(1)
      expect(pair.stream.subscription).toBeUndefined()
    }
    expect(wheel.size).toBe(0)
  })

  it('may have come before there is a subscription', async () => {
    const { stream, server } = await open({ wheel: new Wheel(1_000) })
    server.destroy()
    const late = new Closable()
    stream.attach(late as unknown as Subscription)
    expect(late.closed).toBe(1)
  })

  it('leaves writes without effect', async () => {
    const pair = await open({ wheel: new Wheel(1_000) })
    const large = Buffer.alloc(16 * MiB)
    pair.client.pause()
    pair.stream.end(large)
    pair.stream.write(Buffer.from('too late'))
    let calls = 0
    pair.stream.whenSent(() => calls++)
    pair.client.resume()
    await once(pair.client, 'close')
    expect(pair.bytes()).toBe(large.length)
    pair.stream.write(Buffer.from('far too late'))
    expect(calls).toBe(0)
  })
})
