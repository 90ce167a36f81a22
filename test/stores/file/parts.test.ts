import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChannelName, privateName } from '../../../src/model/channel.ts'
import type { MessageId } from '../../../src/model/id.ts'
import { crc32, plainCrc32 } from '../../../src/stores/file/crc.ts'
import { ExpiryHeap } from '../../../src/stores/file/expiry.ts'
import {
  decodeHeader,
  decodeRecord,
  encodeHeader,
  KIND,
  recordAt,
  recordOf,
} from '../../../src/stores/file/format.ts'
import { decodeIndex, encodeIndex } from '../../../src/stores/file/index-file.ts'
import { Segment } from '../../../src/stores/file/segment.ts'

const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(one, { nil: undefined })
const text = fc.string({ unit: 'grapheme' })
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const binaryName = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((array) => Buffer.from(array).toString('latin1') as ChannelName)
const channel = fc.oneof(
  binaryName,
  text.map((key) => privateName('user', key)),
)
const parts = fc.record({
  kind: fc.constant(KIND.message),
  id: fc.nat().map((id) => (id + 2 ** 40) as MessageId),
  ms: fc.nat(999),
  channel,
  contentType: optional(text),
  attributes: optional(fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), text)),
  data: optional(fc.json()),
  ttl: optional(fc.nat()),
  key: optional(text),
  keyDecides: fc.boolean(),
  print: fc.constantFrom('', Buffer.alloc(32, 7).toString('base64')),
  body: bytes,
})

describe('a record', () => {
  it('says what was put into it, wherever it stands', () => {
    fc.assert(
      fc.property(parts, fc.nat(), bytes, (one, seed, before) => {
        const record = recordOf(one, seed)
        const block = Buffer.concat([before, record])
        expect(recordAt(block, before.length, block.length, seed)).toBe(record.length)
        const { body = Buffer.alloc(0), ...rest } = decodeRecord(block, before.length)
        const found = body instanceof Uint8Array ? body : body.block.subarray(body.from)
        expect(found.equals(one.body)).toBe(true)
        const { body: _, key, print, keyDecides, ...simple } = one
        expect(rest).toMatchObject(simple)
        if (key !== undefined) expect(rest).toMatchObject({ key, print, keyDecides })
      }),
    )
  })

  it('is no record any more when one bit of it is another, or it is of another log', () => {
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(), (one, seed, bit) => {
        const record = recordOf(one, seed)
        expect(recordAt(record, 0, record.length, seed + 1)).toBe(0)
        const at = Math.floor(bit / 8) % record.length
        record[at] = (record[at] as number) ^ (1 << (bit % 8))
        expect(recordAt(record, 0, record.length, seed)).toBe(0)
      }),
    )
  })

  it('is none in bytes of any kind', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), (block, seed) => {
        for (let at = 0; at < block.length; at++) {
          expect(recordAt(block, at, block.length, seed)).toBe(0)
        }
      }),
    )
  })
})

describe('a header and an index', () => {
  it('say what was put into them, and nothing when they are damaged', () => {
    const id = 3_565_158_400_000_000 as MessageId
    const header = { serial: 3, seed: 9, base: id, floor: id, formerEnd: 77, made: 5 }
    const head = encodeHeader(header)
    expect(decodeHeader(head)).toEqual({ ...header, version: 1 })
    const segment = new Segment(3, 'x', 0, id)
    for (let n = 0; n < 600; n++) segment.push(id + n, n % 1_000, n * 50, 50, n % 7)
    segment.events.push({ at: 5, offset: 0, record: Buffer.from('event') })
    const names = ['a', 'b', 'c', 'd', 'e', 'f', privateName('user', 'u')] as ChannelName[]
    const index = encodeIndex(segment, 9, (number) => names[number] as ChannelName)

    expect(decodeIndex(index, 3, 9)).toMatchObject({
      end: segment.end,
      count: 600,
      ids: segment.ids.slice(0, 600),
      ms: segment.ms.slice(0, 600),
      offsets: segment.offsets.slice(0, 600),
      names,
      events: segment.events,
    })
    expect(decodeIndex(index, 4, 9)).toBeUndefined()
    expect(decodeIndex(index, 3, 8)).toBeUndefined()
    for (const one of [head, index]) {
      for (let at = 0; at < one.length; at += 3) {
        one[at] = (one[at] as number) ^ 1
        expect(decodeHeader(one)).toBeUndefined()
        expect(decodeIndex(one, 3, 9)).toBeUndefined()
        one[at] = (one[at] as number) ^ 1
      }
    }
    expect(decodeIndex(index.subarray(0, -1), 3, 9)).toBeUndefined()
  })
})

describe('CRC-32', () => {
  it('is the same in plain code', () => {
    expect(plainCrc32(Buffer.from('123456789'))).toBe(0xcbf43926)
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (data, seed) => {
        expect(plainCrc32(data, seed)).toBe(crc32(data, seed))
      }),
    )
  })
})

describe('the heap of expiries', () => {
  it('gives what runs out in the order of its times, and never what was dropped', () => {
    const times = fc.array(fc.nat(1_000), { maxLength: 300, size: 'max' })
    fc.assert(
      fc.property(times, fc.nat(4), (all, nth) => {
        const heap = new ExpiryHeap()
        for (const [message, at] of all.entries()) heap.add(message, at)
        for (let message = 0; message < all.length; message += nth + 2) heap.drop(message)
        const kept = [...all.entries()].filter(([message]) => message % (nth + 2) !== 0)
        for (const [message, at] of kept) expect(heap.of(message)).toBe(at)

        const due: number[] = []
        for (let now = 0; now <= 1_000; now += 250) {
          for (let one = heap.takeDue(now); one !== undefined; one = heap.takeDue(now)) {
            expect(all[one]).toBeLessThanOrEqual(now)
            due.push(one)
          }
          const expected = kept.filter(([, at]) => at <= now).length
          expect(due).toHaveLength(expected)
        }
        expect(new Set(due)).toEqual(new Set(kept.map(([message]) => message)))
      }),
    )
  })
})
