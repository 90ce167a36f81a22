import { once } from 'node:events'
import type { Socket } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isStraight, unsentOf, writeOn, writeTo } from '../../src/net/straight.ts'
import { until } from '../support/wait.ts'
import { pair } from './pair.ts'

function collect(socket: Socket): { text: () => string } {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  return { text: () => Buffer.concat(pieces).toString('latin1') }
}

describe('writing to a socket’s handle', () => {
  it('is possible here', () => {
    expect(isStraight).toBe(true)
  })

  it('sends bytes at once, and leaves nothing unsent', async () => {
    const { near, far } = await pair()
    const { text } = collect(far)

    writeTo(near, Buffer.from('hello'))

    expect(unsentOf(near)).toBe(0)
    await until(() => text() === 'hello', 'it came')
  })

  it('gives a handle for what follows, until something is unsent', async () => {
    const { near, far } = await pair()
    const { text } = collect(far)
    far.pause()

    const handle = writeTo(near, Buffer.from('a'))
    if (!handle) throw new Error('no handle')
    const small = writeOn(near, handle, Buffer.from('b'))
    const large = writeOn(near, handle, Buffer.alloc(16 * 2 ** 20, 'c'))

    expect([small, large]).toEqual([true, false])
    expect(writeTo(near, Buffer.from('d'))).toBeUndefined()
    far.resume()
    await until(() => text().endsWith('d'), 'all came')
    expect(text()).toMatch(/^abc+d$/)
    expect(writeTo(near, Buffer.from('e'))).toBe(handle)
  })

  it('writes nothing more to a socket that was ended, and what it had is sent', async () => {
    const { near, far } = await pair()
    const { text } = collect(far)
    const handle = writeTo(near, Buffer.from('a'))
    if (!handle) throw new Error('no handle')

    near.end('b')
    await once(near, 'finish')

    expect(writeOn(near, handle, Buffer.from('c'))).toBe(false)
    await once(far, 'end')
    expect(text()).toBe('ab')
  })

  it('keeps the order with writes of the stream, to a reader that stalls now and then', async () => {
    const write = fc.record({
      straight: fc.boolean(),
      length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 400_000 })),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 40 }), async (writes) => {
        const { near, far } = await pair()
        let expected = ''
        for (const [index, { straight, length }] of writes.entries()) {
          const piece = String.fromCharCode(0x21 + (index % 90)).repeat(length)
          expected += piece
          if (straight) writeTo(near, Buffer.from(piece))
          else near.write(piece)
        }
        const { text } = collect(far)
        near.end()
        await once(far, 'end')
        expect(text() === expected).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('tells what a reader that does not read has left, and that it is gone once it reads', async () => {
    const { near, far } = await pair()
    const large = Buffer.alloc(16 * 2 ** 20, 'x')

    writeTo(near, large)
    expect(unsentOf(near)).toBeGreaterThan(0)
    expect(unsentOf(near)).toBeLessThan(large.length)
    writeTo(near, Buffer.from('behind'))
    const waiting = unsentOf(near)
    let sent = false
    near.write(Buffer.alloc(0), () => (sent = true))
    expect(waiting).toBeGreaterThan(6)

    const { text } = collect(far)
    await until(() => unsentOf(near) === 0, 'all was taken')
    await until(() => text().length === large.length + 6, 'all came')
    expect(text().endsWith('xbehind')).toBe(true)
    await until(() => sent, 'what was written behind is done')
  })

  it('does not mind a socket that is closed while bytes wait', async () => {
    const { near, far } = await pair()
    writeTo(near, Buffer.alloc(16 * 2 ** 20))

    near.destroy()
    await once(near, 'close')

    expect(near.destroyed).toBe(true)
    far.destroy()
  })

  it('closes a socket whose other end is gone', async () => {
    const { near, far } = await pair()
    far.resetAndDestroy()

    await until(() => {
      if (!near.destroyed) writeTo(near, Buffer.from('x'))
      return near.destroyed
    }, 'it is closed')
  })

  it('leaves corked sockets to their stream', async () => {
    const { near, far } = await pair()
    const { text } = collect(far)

    near.cork()
    near.write('first ')
    writeTo(near, Buffer.from('second'))
    near.uncork()

    await until(() => text() === 'first second', 'both came in order')
  })
})
