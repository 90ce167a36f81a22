import { Subscriber } from 'zeromq'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Published } from '../../src/hub/contract.ts'
import { StreamConnection } from '../../src/http/stream.ts'
import { IoClient } from '../protocols/socketio/io-client.ts'
import { startRedis } from '../stores/redis/rig.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import {
  CHANNEL,
  DOORS,
  everyDoor,
  fanout,
  feed,
  portOf,
  sparkleshare,
  sse,
  UPGRADE,
  webSocket,
} from './live-clients.ts'

/** Long enough that whoever is still there then was not let go. */
const PATIENT = `${DOORS}\nlimits: { drainTimeout: 60s }\n`

/** Drains it, and looks that nobody had to be cut off. */
async function drain({ server }: TestServer): Promise<void> {
  const began = performance.now()
  await server.drain()
  expect(performance.now() - began).toBeLessThan(30_000)
  expect(server.connections).toBe(0)
}

async function followers({ server }: TestServer, count: number): Promise<void> {
  await until(() => server.hub().receivers(CHANNEL as never) === count, `${count} follow`)
}

/** A connection to the main port that ends when it is ended. */
async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port)
  client.socket.on('end', () => client.socket.end())
  return client
}

/** From now on the store takes its time: publishes wait until `answer` is called. */
function slowStore({ server }: TestServer): { asked(): number; answer(): void } {
  const hub = server.hub()
  const publish = hub.publish.bind(hub)
  const waiting: (() => void)[] = []
  const spy = vi.spyOn(hub, 'publish').mockImplementation(
    (...args) =>
      new Promise<Published>((resolve) => {
        waiting.push(() => resolve(publish(...args)))
      }),
  )
  onTestFinished(() => spy.mockRestore())
  return {
    asked: () => waiting.length,
    answer: () => {
      for (const one of waiting.splice(0)) one()
    },
  }
}

describe('a server that drains', () => {
  it.each(PATHS)('lets clients of every door go, and takes no others: $path', async ({ lean }) => {
    const started = await startServer(PATIENT, { lean })
    const clients = await everyDoor(started)
    const ports = ['feed', 'redis', 'fanout', 'sparkleshare'].map((what) => portOf(started, what))
    await drain(started)
    await until(() => clients.every(({ ended }) => ended), 'all have ended')
    for (const port of [started.port, ...ports]) {
      await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
    }
  })

  it('tells streams of events when to come back, not all at once', async () => {
    const started = await startServer(PATIENT)
    const streams = await Promise.all([1, 2, 3, 4, 5, 6].map(() => connect(started.port)))
    for (const stream of streams) stream.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, streams.length)
    await drain(started)
    const times = await Promise.all(
      streams.map(async (stream) => {
        const said = await stream.rest()
        const [, ms] = /\r\nretry: (\d+)\n\n\r\n0\r\n\r\n$/.exec(said) ?? []
        return Number(ms)
      }),
    )
    for (const time of times) expect([time >= 500, time <= 2000]).toEqual([true, true])
    expect(new Set(times).size).toBeGreaterThan(1)
  })

  it('closes WebSockets with 1012, once what they published is answered', async () => {
    const started = await startServer(PATIENT)
    const store = slowStore(started)
    const [idle, busy] = [await webSocket(started), await connect(started.port)]
    busy.send(requestBytes('GET', `/ws/${CHANNEL}`, UPGRADE))
    await followers(started, 2)
    busy.send(frame(JSON.stringify({ publish: 'elsewhere', body: 'x', ref: 7 })))
    await until(() => store.asked() === 1, 'the store is asked')

    const drained = drain(started)
    await until(() => idle.ended, 'the idle one has ended')
    expect(idle.raw.received.subarray(-4).toString('hex')).toBe('880203f4')
    expect(busy.ended).toBe(false)
    store.answer()
    const said = await busy.rest()
    expect(said).toContain('"published":')
    expect(said.endsWith('\x88\x02\x03\xf4')).toBe(true)
    await drained
  })

  it.each(PATHS)('answers long polls as if they were none: $path', async ({ lean }) => {
    const started = await startServer(PATIENT, { lean })
    const first = await request(started.port, 'POST', `/publisher/${CHANNEL}`, {}, 'first')
    expect(first.status).toBe(202)
    const { headers } = await request(started.port, 'GET', `/subscriber/${CHANNEL}`)
    const validators = {
      'If-Modified-Since': headers['last-modified'] ?? '',
      'If-None-Match': headers['etag'] ?? '',
    }
    const poll = await connect(started.port)
    poll.send(requestBytes('GET', `/subscriber/${CHANNEL}`, validators))
    await followers(started, 1)
    await drain(started)
    const reply = await poll.reply()
    expect(reply).toMatchObject({
      status: 304,
      headers: {
        'last-modified': headers['last-modified'],
        etag: headers['etag'],
        connection: 'close',
      },
    })
    expect(poll.ended).toBe(true)
  })

  it.each(PATHS)('finishes a publish that is on its way, and closes: $path', async ({ lean }) => {
    const started = await startServer(PATIENT, { lean })
    const store = slowStore(started)
    const [slow, sending, idle] = [
      await connect(started.port),
      await connect(started.port),
      await connect(started.port),
    ]
    idle.send(requestBytes('PUT', '/publisher/known'))
    await idle.reply()
    slow.send(requestBytes('POST', '/publisher/x', {}, 'one'))
    const bytes = requestBytes('POST', '/publisher/x', {}, 'two')
    // In one piece, so that the second was read when the first is answered.
    sending.send(Buffer.concat([requestBytes('PUT', '/publisher/x'), bytes.subarray(0, -1)]))
    await sending.reply()
    await until(() => store.asked() === 1, 'the store is asked')

    const drained = drain(started)
    await until(() => idle.ended, 'the idle one has ended')
    expect([slow.ended, sending.ended]).toEqual([false, false])
    sending.send(bytes.subarray(-1))
    await until(() => store.asked() === 2, 'the store is asked again')
    store.answer()
    for (const client of [slow, sending]) {
      const { status, headers } = await client.reply()
      expect([status, headers['connection']]).toEqual([202, 'close'])
      await client.rest()
    }
    await drained
  })

  it('answers the commands of Redis that it has, and closes; one that waits is let go', async () => {
    const started = await startServer(PATIENT)
    const store = slowStore(started)
    const port = portOf(started, 'redis')
    const [busy, waits, idle] = [await connect(port), await connect(port), await connect(port)]
    busy.send('PUBLISH x hello\r\nPING\r\n')
    waits.send('XREAD BLOCK 0 STREAMS x $\r\n')
    idle.send('PING\r\n')
    await idle.takeUntil('+PONG\r\n')
    await until(() => store.asked() === 1, 'the store is asked')
    await until(() => started.server.hub().receivers('x' as never) === 1, 'one waits')

    const drained = drain(started)
    await until(() => waits.ended && idle.ended, 'those have ended')
    expect(busy.ended).toBe(false)
    store.answer()
    expect(await busy.rest()).toMatch(/^:[01]\r\n\+PONG\r\n$/)
    await drained
  })

  it.each(['websocket', 'polling'])(
    'has clients of Socket.IO come back by themselves: %s',
    async (transport) => {
      const started = await startServer(PATIENT)
      await started.server.users.sessions.set('ada', 'session-of-ada')
      const client = await IoClient.in(started.port, 'session-of-ada', { transports: [transport] })
      let attempts = 0
      client.socket.io.on('reconnect_attempt', () => attempts++)
      let reason = ''
      client.socket.on('disconnect', (why) => (reason = why))
      await drain(started)
      await until(() => attempts > 0, 'it tries to come back')
      // Between two polls it finds the port closed.
      expect(['transport close', 'transport error']).toContain(reason)
    },
  )

  it('answers what a client of Socket.IO has asked before it goes', async () => {
    const started = await startServer(PATIENT)
    await started.server.users.sessions.set('ada', 'session-of-ada')
    await started.server.users.subscribe('ada', CHANNEL as never)
    const client = await IoClient.in(started.port, 'session-of-ada', { reconnection: false })
    const { users } = started.server
    const gate: (() => void)[] = []
    const wait = new Promise<void>((resolve) => gate.push(resolve))
    const spy = vi.spyOn(users, 'subscribe').mockImplementation(async () => {
      await wait
    })
    onTestFinished(() => spy.mockRestore())
    const answer = client.ask('subscribe', 'other')
    await until(() => spy.mock.calls.length === 1, 'it is asked')

    const drained = drain(started)
    for (const open of gate) open()
    await expect(answer).resolves.toMatchObject({ ok: true })
    await drained
  })

  it('ends the feed as HTTP would have it end, and publishes what is being posted', async () => {
    const started = await startServer(PATIENT)
    const follows = await feed(started)
    const posts = await connect(portOf(started, 'feed'))
    await followers(started, 1)
    const expects = { Expect: '100-continue' }
    const bytes = requestBytes('POST', `/${CHANNEL}`, expects, '{"commit": {"id": "1"}}')
    posts.send(bytes.subarray(0, -1))
    await posts.takeUntil('100 Continue\r\n\r\n')

    const drained = drain(started)
    await until(() => follows.ended, 'the stream has ended')
    expect(follows.raw.received.toString('latin1')).toMatch(/\r\n0\r\n\r\n$/)
    posts.send(bytes.subarray(-1))
    expect(await posts.rest()).toContain('Message sent!')
    await drained
  })

  it.each([
    ['fanout', fanout],
    ['sparkleshare', sparkleshare],
  ] as const)('says all that it has to say to %s, one by one', async (_door, open) => {
    const started = await startServer(
      PATIENT.replace(/(fanout|sparkleshare): { port: 0/g, '$1: { port: 0, pace: 20ms'),
    )
    const client = await open(started)
    await followers(started, 1)
    for (let n = 0; n < 10; n++) {
      const attributes = { revision: `revision-${n}` }
      await started.server.hub().publish({
        channel: CHANNEL as never,
        body: Buffer.from(`revision-${n}`),
        attributes,
      })
    }
    // Beyond the turn in which they were published.
    await client.hears('revision-0')
    await drain(started)
    await until(() => client.ended, 'it has ended')
    expect(client.times('revision-')).toBe(10)
  })

  it('gives ZeroMQ what was published before it closes', async () => {
    const yaml = PATIENT.replace('zeromq: false', 'zeromq: { broadcast: 0, command: 0 }')
    const started = await startServer(yaml)
    const where = started.server.places.find(({ what }) => what === 'zmq notify')?.where ?? ''
    const subscriber = new Subscriber()
    onTestFinished(() => subscriber.close())
    subscriber.connect(where)
    subscriber.subscribe(CHANNEL)
    await followers(started, 1)
    const draft = { channel: CHANNEL as never, attributes: { revision: 'c0ffee' } }
    await started.server.hub().publish({ ...draft, body: Buffer.from('c0ffee') })
    await new Promise((resolve) => setImmediate(resolve))
    await drain(started)
    const frames = await subscriber.receive()
    expect(frames.map(String)).toEqual([CHANNEL, 'c0ffee'])
  })
})

describe('the time that it takes', () => {
  it('is spread where there may be another server: a crowd does not leave in one turn', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.end())
    const store = `store: { type: redis, host: 127.0.0.1, port: ${redis.port} }`
    const started = await startServer(`${store}\nlimits: { drainTimeout: 60s }`)
    const crowd = await Promise.all(Array.from({ length: 300 }, () => connect(started.port)))
    for (const one of crowd) one.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, crowd.length)
    const drained = drain(started)
    await until(() => crowd.some(({ ended }) => ended), 'the first has left')
    expect(crowd.filter(({ ended }) => ended).length).toBeLessThan(200)
    await drained
    await until(() => crowd.every(({ ended }) => ended), 'all have left')
  })

  it('is bounded: who does not go is cut off by the stop', async () => {
    const started = await startServer('limits: { drainTimeout: 200ms }')
    const stubborn = await RawClient.connect(started.port)
    stubborn.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, 1)
    const began = performance.now()
    await started.server.drain()
    expect(performance.now() - began).toBeGreaterThan(190)
    expect(started.server.connections).toBe(1)
    await started.server.stop()
    expect(started.server.connections).toBe(0)
  })

  it('is bounded for a crowd that cannot all be told in time', async () => {
    const started = await startServer('limits: { drainTimeout: 100ms }')
    const crowd = await Promise.all(Array.from({ length: 100 }, () => connect(started.port)))
    for (const one of crowd) one.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, crowd.length)
    const leave = vi.spyOn(StreamConnection.prototype, 'leave').mockImplementation(() => {
      const end = performance.now() + 20
      while (performance.now() < end);
    })
    onTestFinished(() => leave.mockRestore())

    await started.server.drain()

    expect(leave.mock.calls.length).toBeLessThan(50)
  })

  it('ends soon for whoever has had its last word and does not close', async () => {
    const started = await startServer(PATIENT)
    const stubborn = await RawClient.connect(started.port)
    stubborn.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, 1)
    await drain(started)
    expect(await stubborn.rest()).toMatch(/\r\n0\r\n\r\n$/)
  })

  it('is none at all where the configuration says so', async () => {
    const started = await startServer('limits: { drainTimeout: 0 }')
    const stream = await sse(started)
    await followers(started, 1)
    await started.server.drain()
    expect(stream.ended).toBe(false)
    await started.server.stop()
    await until(() => stream.ended, 'it has ended')
  })

  it('leaves the management port to those who ask how it goes', async () => {
    const started = await startServer('management: { port: 0 }\nlimits: { drainTimeout: 60s }\n')
    const port = portOf(started, 'management')
    const stubborn = await RawClient.connect(started.port)
    stubborn.send(requestBytes('GET', `/events/${CHANNEL}`))
    await followers(started, 1)
    expect(started.server.draining).toBe(false)
    const drained = started.server.drain()
    await until(() => stubborn.ended, 'it is let go')
    expect(started.server.draining).toBe(true)
    expect((await request(port, 'GET', '/user/listAll')).status).toBe(200)
    stubborn.close()
    await drained
  })
})

/** A text frame as a client sends it: masked, with a mask that changes nothing. */
function frame(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length, 0, 0, 0, 0]), bytes])
}
