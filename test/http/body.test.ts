import { expect, it } from 'vitest'
import { Body } from '../../src/http/body.ts'

it.each([[[]], [[0]], [[5]], [[1, 1, 1]], [[3, 0, 70_000, 1]], [[65_536, 65_536, 65_536]]])(
  'is its pieces in their order: %j',
  (lengths) => {
    const pieces = lengths.map((length, n) => Buffer.alloc(length, n + 1))
    const whole = Buffer.concat(pieces)
    for (const most of [whole.length, 2 ** 20]) {
      const body = new Body(most)
      for (const piece of pieces) body.add(piece)
      expect(body.length).toBe(whole.length)

      const taken = body.take()

      expect(taken.equals(whole)).toBe(true)
      // What is kept of it is not more than it is.
      if (taken.length > 1_024) expect(taken.buffer.byteLength).toBe(taken.length)
      expect(body.length).toBe(0)
    }
  },
)

it('keeps nothing of the Buffers that it was given', () => {
  const piece = Buffer.from('abc')
  const body = new Body(100)
  body.add(piece)
  piece.fill('x')
  expect(body.take().toString()).toBe('abc')
})

it('grows no larger than it may, and not with every piece', () => {
  const body = new Body(1_000_000)
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 1_000_000; n++) body.add(Buffer.of(n % 256))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000)
  const taken = body.take()
  expect(taken.buffer.byteLength).toBe(1_000_000)
  expect(taken[513]).toBe(1)
})

it('small ones keep nothing alive but each other, whatever else was about at the time', () => {
  const bodies: Buffer[] = []
  for (let n = 0; n < 1_000; n++) {
    const body = new Body(10)
    body.add(Buffer.from(`body ${n}`.padEnd(10)))
    bodies.push(body.take())
    // As an answer is made, which takes of Node's pool.
    for (let answer = 0; answer < 30; answer++) Buffer.allocUnsafe(300)
  }
  const kept = new Set(bodies.map(({ buffer }) => buffer))
  const bytes = [...kept].reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(bytes).toBeLessThan(2 * 10 * bodies.length)
  for (const [n, body] of bodies.entries()) expect(body.toString().trimEnd()).toBe(`body ${n}`)
})
