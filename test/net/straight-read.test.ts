import { once } from 'node:events'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isLent, readTo, stopReading } from '../../src/net/straight-read.ts'
import { until } from '../support/wait.ts'
import { pair } from './pair.ts'

describe('reading a socket’s handle', () => {
  it('lends the bytes, which the next read may change', async () => {
    const { near, far } = await pair()
    const seen: { text: string; lent: boolean }[] = []
    readTo(near, (bytes) => seen.push({ text: bytes.toString(), lent: isLent(bytes) }))
    far.write('hello')
    await until(() => seen.length === 1, 'it came')
    expect(seen).toEqual([{ text: 'hello', lent: true }])
  })

  it('keeps sockets apart that are read at the same time', async () => {
    const pairs = await Promise.all([pair(), pair(), pair()])
    const texts = pairs.map(() => '')
    for (const [index, { near }] of pairs.entries()) {
      readTo(near, (bytes) => (texts[index] += bytes.toString()))
    }
    for (const [index, { far }] of pairs.entries()) far.write(String(index).repeat(1000))
    await until(() => texts.every(({ length }) => length === 1000), 'all came')
    expect(texts).toEqual(pairs.map((_, index) => String(index).repeat(1000)))
  })

  it('loses nothing and keeps the order, however often it is paused', async () => {
    const step = fc.record({
      length: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 300_000 })),
      pause: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const { near, far } = await pair()
        let got = ''
        let paused = 0
        readTo(near, (bytes) => {
          got += bytes.toString('latin1')
          if (!steps[paused++ % steps.length]?.pause) return
          near.pause()
          setImmediate(() => near.resume())
        })
        let expected = ''
        for (const [index, { length }] of steps.entries()) {
          const piece = String.fromCharCode(0x21 + (index % 90)).repeat(length)
          expected += piece
          far.write(piece)
        }
        await until(() => got.length >= expected.length, 'all came')
        expect(got === expected).toBe(true)
        near.destroy()
        far.destroy()
      }),
      { numRuns: 30 },
    )
  })

  it('tells of the end, and of a connection that breaks', async () => {
    const one = await pair()
    readTo(one.near, () => {})
    const ended = once(one.near, 'end')
    one.far.end()
    await ended

    const other = await pair()
    readTo(other.near, () => {})
    const broken = new Promise((resolve) => other.near.once('error', resolve))
    other.far.resetAndDestroy()
    expect(await broken).toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
    expect(other.near.destroyed).toBe(true)
  })

  it('gives what comes later to the stream once it is stopped', async () => {
    const { near, far } = await pair()
    const taken: string[] = []
    function take(this: Socket, bytes: Buffer): void {
      taken.push(bytes.toString())
    }
    readTo(near, take)
    far.write('first')
    await until(() => taken.length === 1, 'the first came')

    stopReading(near, take)
    const streamed: Buffer[] = []
    near.on('data', (bytes: Buffer) => streamed.push(bytes))
    far.write('second')
    await until(() => streamed.length === 1, 'the second came')
    far.write('third')
    await until(() => streamed.length === 2, 'the third came')
    // Bytes of a stream stay what they are.
    expect(streamed.map(String)).toEqual(['second', 'third'])
    expect(taken).toEqual(['first'])
  })
})
