/** ZeroMQ as the original's clients use it, with the package's own sockets. */
import { Push, type SocketOptions, Subscriber } from 'zeromq'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import { startServer } from '../../support/server.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import {
  newVersion,
  notify,
  register,
  type SparkleshareTest,
  startSparkleshare,
  watcher,
  ZEROMQ,
} from './sparkleshare-client.ts'

function subscriber({ broadcast }: SparkleshareTest, ...topics: string[]): Subscriber {
  return subscriberWith({}, broadcast, topics)
}

function subscriberWith(
  options: SocketOptions<Subscriber>,
  port: number,
  topics: readonly string[],
): Subscriber {
  const socket = new Subscriber({ linger: 0, receiveTimeout: 10_000, ...options })
  onTestFinished(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${port}`)
  socket.subscribe(...topics)
  return socket
}

function pusher({ command }: SparkleshareTest): Push {
  const socket = new Push({ linger: 0, sendTimeout: 10_000 })
  onTestFinished(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${command}`)
  return socket
}

async function next(socket: Subscriber): Promise<string[]> {
  return (await socket.receive()).map((frame) => frame.toString())
}

/** Waits until the server knows this subscriber's topics: it hears a channel that is nobody else's. */
async function listens({ server }: SparkleshareTest, socket: Subscriber): Promise<void> {
  const channel = `probe ${Math.random()}` as ChannelName
  const probe = (revision: string): unknown =>
    server.hub().publish({ channel, body: Buffer.alloc(0), attributes: { revision } })
  socket.subscribe(channel)
  let heard = false
  const first = next(socket).then(() => (heard = true))
  while (!heard) {
    probe('?')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await first
  probe('last')
  while ((await next(socket))[1] !== 'last');
  socket.unsubscribe(channel)
}

describe('the broadcast socket', () => {
  it('sends two frames, the name and the revision', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const socket = subscriber(test, '/ré.git')
    await listens(test, socket)
    await notify(test.tcp, newVersion('/ré.git', 'r1') + newVersion('/ré.git', null))
    expect(await next(socket)).toEqual(['/ré.git', 'r1'])
    expect(await next(socket)).toEqual(['/ré.git', ''])
  })

  it('sends by prefix, in the spelling that was subscribed to', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const [plain, slashed] = [subscriber(test, 'a/'), subscriber(test, '/a/')]
    await listens(test, plain)
    await listens(test, slashed)
    await notify(test.tcp, newVersion('b', 'no') + newVersion('/a/b', 'yes'))
    expect(await next(plain)).toEqual(['a/b', 'yes'])
    expect(await next(slashed)).toEqual(['/a/b', 'yes'])
  })

  it('tells everything to whoever asks for it, once', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const socket = subscriber(test, '')
    await listens(test, socket)
    await notify(test.tcp, newVersion('/a', 'r1') + newVersion('b', 'r2'))
    expect(await next(socket)).toEqual(['a', 'r1'])
    expect(await next(socket)).toEqual(['b', 'r2'])
  })

  it('follows nothing while nobody is subscribed', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const followers = (): number => test.server.hub().receivers('x' as never)
    expect(followers()).toBe(0)
    const [one, two] = [subscriber(test, 'a'), subscriber(test, 'a', 'b')]
    await until(() => followers() === 1, 'it follows')
    one.close()
    two.unsubscribe('a')
    await listens(test, two)
    expect(followers()).toBe(1)
    two.unsubscribe('b')
    await until(() => followers() === 0, 'it follows no more')
  })

  it('loses nothing of a burst beyond its high-water mark for who reads', async () => {
    const test = await startSparkleshare(
      'zeromq: { broadcast: 0, command: 0, sendHighWaterMark: 100 }',
    )
    const socket = subscriber(test, 'x')
    await listens(test, socket)
    for (let n = 0; n < 5000; n++) {
      await test.server.hub().publish({
        channel: 'x' as ChannelName,
        body: Buffer.alloc(0),
        attributes: { revision: String(n) },
      })
    }
    for (let n = 0; n < 5000; n++) expect(await next(socket)).toEqual(['x', String(n)])
  })

  it('drops for who does not read, beyond its high-water mark, and for nobody else', async () => {
    const test = await startSparkleshare(
      'zeromq: { broadcast: 0, command: 0, sendHighWaterMark: 10 }',
    )
    const small = { receiveHighWaterMark: 10, receiveBufferSize: 64 * 1024 }
    const slow = subscriberWith(small, test.broadcast, ['x'])
    const quick = subscriber(test, 'x')
    await listens(test, slow)
    await listens(test, quick)
    const filler = 'z'.repeat(100_000)
    for (let n = 0; n < 300; n++) {
      await test.server.hub().publish({
        channel: 'x' as ChannelName,
        body: Buffer.alloc(0),
        attributes: { revision: `${n} ${filler}` },
      })
      expect((await next(quick))[1]).toBe(`${n} ${filler}`)
    }
    await test.server.hub().publish({ channel: 'x' as ChannelName, body: Buffer.from('z') })
    expect((await next(quick))[1]).toMatch(/^\d+-\d+$/)
    let got = 0
    slow.receiveTimeout = 500
    try {
      for (; ; got++) await slow.receive()
    } catch {
      // No more.
    }
    expect(got).toBeGreaterThan(0)
    expect(got).toBeLessThan(300)
  })
})

describe('the command socket', () => {
  it('takes new_version, for TCP and its own subscribers', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const client = await watcher(test, 'x', register('x'))
    const socket = subscriber(test, 'x')
    await listens(test, socket)
    await pusher(test).send(newVersion('x', 'r1'))
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r1'))
    expect(await next(socket)).toEqual(['x', 'r1'])
  })

  it('passes by everything else', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const client = await watcher(test, 'x', register('x'))
    const push = pusher(test)
    for (const frames of [
      'hello',
      '',
      '{"repo": "x", "command": "new_version"',
      '{"repo": "x", "command": "new_version"}',
      '[]',
      'null',
      register('y'),
      ['{}', newVersion('x', 'two frames')],
      Buffer.from('{"repo": "x\xff", "command": "new_version", "revision": "r"}', 'latin1'),
      newVersion('x'.repeat(600), 'r'),
      newVersion('x', null),
    ]) {
      await push.send(frames)
    }
    expect(await client.takeUntil('}')).toBe(newVersion('x', null))
  })

  it('takes many at once, in order', async () => {
    const test = await startSparkleshare(`pace: 0, ${ZEROMQ}`)
    const client = await watcher(test, 'x', register('x'))
    const push = pusher(test)
    for (let n = 0; n < 2000; n++) await push.send(newVersion('x', `r${n}`))
    for (let n = 0; n < 2000; n++) {
      expect(await client.takeUntil('}')).toBe(newVersion('x', `r${n}`))
    }
  })

  it('lets nobody in who is not trusted', async () => {
    const test = await startSparkleshare(ZEROMQ, 'trustedPeers: [10.0.0.1]')
    const push = pusher(test)
    push.sendTimeout = 300
    await push.send(newVersion('x', 'r')).catch(() => {})
    const socket = subscriber(test, 'y')
    await listens(test, socket)
    expect(await test.server.hub().stat('x' as never)).toBeUndefined()
  })

  it('hangs up on a web page, which can imitate ZMTP 1.0', async () => {
    const test = await startSparkleshare(ZEROMQ)
    const page = await RawClient.connect(test.command)
    const frame = newVersion('x', 'r')
    // An empty identity, and a frame of ZMTP 1.0: its length, a flag, and its bytes.
    page.send(`\x01\x00${String.fromCharCode(frame.length + 1)}\x00${frame}`)
    await page.rest()
    expect(await test.server.hub().stat('x' as never)).toBeUndefined()
  })

  it('drops a peer that sends more than the bound', async () => {
    const test = await startSparkleshare(`maxObjectBytes: 1KiB, ${ZEROMQ}`)
    const push = pusher(test)
    await push.send(newVersion('x', 'r'.repeat(2000)))
    const other = pusher(test)
    const client = await watcher(test, 'y', register('y'))
    await other.send(newVersion('y', 'r'))
    expect(await client.takeUntil('}')).toBe(newVersion('y', 'r'))
    expect(await test.server.hub().stat('x' as never)).toBeUndefined()
  })
})

describe('starting', () => {
  it('tells a port that is taken, and leaves nothing open', async () => {
    const first = await startSparkleshare(ZEROMQ)
    const second = startServer(
      `sparkleshare: { port: 0, zeromq: { broadcast: 0, command: ${first.command} } }`,
    )
    await expect(second).rejects.toMatchObject({
      door: 'sparkleshare',
      cause: { code: 'EADDRINUSE' },
    })
  })

  it('frees its ports when it stops', async () => {
    const first = await startSparkleshare(ZEROMQ)
    await first.server.stop()
    await startServer(
      `sparkleshare: { port: 0, zeromq: { broadcast: ${first.broadcast}, command: ${first.command} } }`,
    )
  })

  it.each([
    ['localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
    ['', '127.0.0.1'],
    ['', '[::1]'],
  ])('on the address "%s", it is found at %s', async (address, host) => {
    const test = await startSparkleshare(`address: '${address}', ${ZEROMQ}`)
    const push = new Push({ linger: 0, ipv6: host.startsWith('[') })
    onTestFinished(() => push.close())
    const client = await RawClient.connect(test.tcp, host.replace(/[[\]]/g, ''))
    client.send(register('x'))
    await until(() => test.server.hub().receivers('x' as never) === 1, 'it is registered')
    push.connect(`tcp://${host}:${test.command}`)
    await push.send(newVersion('x', 'r'))
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r'))
  })

  it('without the package, TCP works, and it is said why ZeroMQ does not', async () => {
    vi.doMock('zeromq', () => {
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    })
    onTestFinished(() => {
      vi.doUnmock('zeromq')
    })
    const said: unknown[] = []
    const test = await startSparkleshare(ZEROMQ, '', { onError: (error) => said.push(error) })
    expect(String((said[0] as Error).stack)).toMatch(/^sparkleshare: ZeroMQ is off: /)
    expect(test.server.places).toContainEqual({
      what: 'zeromq',
      where: 'off: the optional package zeromq cannot be loaded',
    })
    const client = await watcher(test, 'x', register('x'))
    await notify(test.tcp, newVersion('x', 'r'))
    expect(await client.takeUntil('}')).toBe(newVersion('x', 'r'))
  })
})
