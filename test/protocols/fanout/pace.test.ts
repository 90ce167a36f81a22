/** One write a notification, in a turn of its own: old clients read one message a read. */
import { describe, expect, it } from 'vitest'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { connected, GREETING, startFanout, subscriber } from './fanout-client.ts'
import { readsOf } from './reads.ts'

const CHANNEL = 'x' as never

describe('a reader that keeps up', () => {
  it('gets announcements of one packet in a read each, in their order', async () => {
    const { fanoutPort } = await startFanout()
    const reader = await subscriber(fanoutPort, 'x')
    const reads = readsOf(reader)
    const announcer = await connected(fanoutPort)
    announcer.send('announce x 1\nannounce x 2\nannounce all 3\nannounce x 4\n')
    await reader.takeUntil('4\n')
    expect(reads).toEqual(['x!1\n', 'x!2\n', 'all!3\n', 'x!4\n'])
  })

  it('has as long for each as the configuration says', async () => {
    const { fanoutPort } = await startFanout('pace: 40ms')
    const reader = await subscriber(fanoutPort, 'x')
    reader.send('announce x 1\nannounce x 2\nannounce x 3\n')
    await reader.takeUntil('1\n')
    const start = performance.now()
    await reader.takeUntil('3\n')
    expect(performance.now() - start).toBeGreaterThan(75)
  })

  it('gets the greeting and what is announced then in two reads', async () => {
    const { fanoutPort, server } = await startFanout()
    const reader = await RawClient.connect(fanoutPort)
    const reads = readsOf(reader)
    await until(() => server.hub().receivers('all' as never) === 1, 'it is subscribed')
    await server.hub().publish({ channel: 'all' as never, body: Buffer.from('now') })
    await reader.takeUntil('now\n')
    expect(reads).toEqual([GREETING, 'all!now\n'])
  })

  it('gets answers apart, too', async () => {
    const { fanoutPort } = await startFanout()
    const reader = await subscriber(fanoutPort, 'x')
    const reads = readsOf(reader)
    reader.send('ping\nannounce x 1\nping\nannounce x 2\n')
    await reader.takeUntil('2\n')
    await reader.until(() => reads.length === 4)
    expect(reads.every((read) => /^[^\n]+\n$/.test(read))).toBe(true)
  })

  it('gets each of 500 published in one turn alone, as all the others do', async () => {
    const { fanoutPort, server } = await startFanout('pace: 0')
    const readers = await Promise.all(
      Array.from({ length: 20 }, () => subscriber(fanoutPort, 'x', 'y')),
    )
    const reads = readers.map(readsOf)
    for (let n = 0; n < 500; n++) {
      await server.hub().publish({ channel: CHANNEL, body: Buffer.from(String(n)) })
    }
    const expected = Array.from({ length: 500 }, (_, n) => `x!${n}\n`)
    for (const [index, reader] of readers.entries()) {
      await reader.takeUntil('!499\n')
      expect(reads[index]).toEqual(expected)
    }
  })
})

describe('a reader that is slow', () => {
  it('goes behind, and gets all in order', async () => {
    const { fanoutPort, server } = await startFanout('pace: 0', 'limits: { maxUnsentBytes: 64KiB }')
    const reader = await subscriber(fanoutPort, 'x')
    reader.socket.pause()
    const filler = 'z'.repeat(50_000)
    for (let n = 0; n < 400; n++) {
      await server.hub().publish({ channel: CHANNEL, body: Buffer.from(`${n} ${filler}`) })
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    reader.socket.resume()
    for (let n = 0; n < 400; n++) {
      expect((await reader.takeUntil('\n')).slice(0, 8)).toBe(`x!${n} zzzz`.slice(0, 8))
    }
    // And it is live again, alone in its read.
    const reads = readsOf(reader)
    await server.hub().publish({ channel: CHANNEL, body: Buffer.from('live') })
    await reader.takeUntil('live\n')
    expect(reads).toEqual(['x!live\n'])
  })

  it('is disconnected when it missed something: there is no word for a gap', async () => {
    const { fanoutPort, server } = await startFanout(
      'pace: 0',
      'limits: { maxUnsentBytes: 64KiB }\nstore: { type: memory, max_messages: 5 }',
    )
    const reader = await subscriber(fanoutPort, 'x')
    reader.socket.pause()
    const filler = 'z'.repeat(100_000)
    for (let n = 0; n < 200; n++) {
      await server.hub().publish({ channel: CHANNEL, body: Buffer.from(`${n} ${filler}`) })
      await new Promise((resolve) => setImmediate(resolve))
    }
    reader.socket.resume()
    const told = (await reader.rest()).match(/x!\d+/g) ?? []
    // In order up to where the gap would be, and then nothing.
    expect(told).toEqual(told.map((_, n) => `x!${n}`))
    expect(told.length).toBeLessThan(195)
  })

  it('does not stop the others', async () => {
    const { fanoutPort, server } = await startFanout('pace: 0', 'limits: { maxUnsentBytes: 64KiB }')
    const slow = await subscriber(fanoutPort, 'x')
    slow.socket.pause()
    const reader = await subscriber(fanoutPort, 'x')
    const filler = 'z'.repeat(50_000)
    for (let n = 0; n < 200; n++) {
      await server.hub().publish({ channel: CHANNEL, body: Buffer.from(`${n} ${filler}`) })
      expect((await reader.takeUntil('\n')).startsWith(`x!${n} `)).toBe(true)
    }
  })

  it('of answers is disconnected', async () => {
    const yaml = 'limits: { maxUnsentBytes: 1KiB }\nmanagement: { port: 0 }'
    const { fanoutPort, server } = await startFanout('', yaml)
    const client = await connected(fanoutPort)
    client.send('info\n'.repeat(1000))
    await client.rest()
    const { where = '' } = server.places.find(({ what }) => what === 'management') ?? {}
    const metrics = await (await fetch(`${where}metrics`)).text()
    expect(metrics).toContain('fanfare_subscribers_dropped_total{door="fanout",cause="unread"} 1\n')
  })
})
