import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RespParser } from '../../../src/protocols/redis/parser.ts'
import { anyBytes, commandsInPieces, cut, LIMITS, mutatedSession, parse } from './fuzz.ts'
import { command } from './resp-client.ts'
import { heapInUse } from '../../http/support.ts'

const runs = { numRuns: Number(process.env['FANFARE_TEST_RUNS'] ?? 2_000) }

describe('the parser', () => {
  it('reads the same commands however their bytes are cut', () => {
    fc.assert(
      fc.property(commandsInPieces, ({ commands, places }) => {
        const arrays = commands.map((args) => args.map((arg) => Buffer.from(arg)))
        const bytes = Buffer.concat(arrays.map((args) => command(...args)))
        const expected = arrays.map((args) => args.map((arg) => arg.toString('latin1')))
        expect(parse(cut(bytes, places))).toEqual({ commands: expected, error: undefined })
      }),
      runs,
    )
  })

  it('makes the same of any bytes however they are cut, and never fails', () => {
    fc.assert(
      fc.property(fc.oneof(anyBytes, mutatedSession), ({ bytes, places }) => {
        const whole = parse([bytes])
        const pieces = parse(cut(bytes, places))
        expect(pieces.commands).toEqual(whole.commands)
        // A line that has not ended may be too long before its end has come.
        if (bytes.length < LIMITS.maxInlineBytes) expect(pieces).toEqual(whole)
      }),
      runs,
    )
  })

  it('reads the same commands whoever reads in between, and holds those that wait', () => {
    const client = fc.record({ session: commandsInPieces, holds: fc.infiniteStream(fc.boolean()) })
    const turns = fc.infiniteStream(fc.nat())
    fc.assert(
      fc.property(fc.array(client, { minLength: 2, maxLength: 5 }), turns, (clients, order) => {
        const readers = clients.map(({ session: { commands, places }, holds }) => {
          const arrays = commands.map((args) => args.map((arg) => Buffer.from(arg)))
          const bytes = Buffer.concat(arrays.map((args) => command(...args)))
          const expected = arrays.map((args) => args.map((arg) => arg.toString('latin1')))
          const parser = new RespParser(LIMITS)
          return { parser, holds, expected, pieces: cut(bytes, places), read: [] as string[][] }
        })
        const held = new Set<(typeof readers)[number]>()
        const note = ({ parser, read }: (typeof readers)[number]): void => {
          read.push(Array.from({ length: parser.count }, (_, index) => parser.text(index)))
        }
        const isBusy = (reader: (typeof readers)[number]): boolean =>
          held.has(reader) || reader.pieces.length > 0
        for (let busy = readers; busy.length > 0; busy = busy.filter(isBusy)) {
          const reader = busy[(order.next().value as number) % busy.length]
          if (!reader) break
          // A command that was held is done now, after whatever others have read.
          if (held.delete(reader)) note(reader)
          else reader.parser.push(reader.pieces.shift() as Buffer)
          while (reader.parser.next()) {
            if (reader.holds.next().value === true) {
              reader.parser.hold()
              held.add(reader)
              break
            }
            note(reader)
          }
        }
        for (const { read, expected } of readers) expect(read).toEqual(expected)
      }),
      { numRuns: Math.ceil(runs.numRuns / 4), endOnFailure: true },
    )
  })

  it('takes time in proportion to what comes, in pieces of any size', () => {
    const limits = { maxArguments: 10, maxArgumentBytes: 2 ** 23, maxInlineBytes: 2 ** 16 }
    const bytes = command('PUBLISH', 'a', Buffer.alloc(2 ** 22, 'x'))
    const parser = new RespParser(limits)
    const start = performance.now()
    let commands = 0
    for (let at = 0; at < bytes.length; at += 100) {
      parser.push(bytes.subarray(at, at + 100))
      while (parser.next()) commands++
    }
    expect(commands).toBe(1)
    // Moved once for every piece, it would be 90 GB.
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  it('does not hold more than waits for its end', () => {
    const parser = new RespParser(LIMITS)
    parser.push(
      Buffer.concat([...Array.from({ length: 100 }, () => command('PING')), Buffer.from('*1')]),
    )
    let commands = 0
    while (parser.next()) commands++
    expect(commands).toBe(100)
    expect(parser.waiting).toBe(2)
  })

  it('keeps no lists of a long command for those that wait', () => {
    const limits = { ...LIMITS, maxInlineBytes: 64 * 2 ** 10 }
    const long = Buffer.from(`${'a '.repeat(2 ** 15 - 1)}\n`)
    const idle: RespParser[] = []
    const before = heapInUse()
    for (let n = 0; n < 100; n++) {
      idle.push(new RespParser(limits))
      const other = new RespParser(limits)
      other.push(long)
      expect(other.next()).toBe(true)
      expect(other.count).toBe(2 ** 15 - 1)
      expect(other.next()).toBe(false)
    }
    // With lists of its own for each, it was 50 MB.
    expect(heapInUse() - before).toBeLessThan(10 * 2 ** 20)
    expect(idle.every(({ waiting }) => waiting === 0)).toBe(true)
  })

  it.each([
    ['*65\r\n', 'invalid multibulk length'],
    ['*1\r\n$4097\r\n', 'invalid bulk length'],
    ['x'.repeat(1_025), 'too big inline request'],
    [`*${'1'.repeat(1_025)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(1_025)}`, 'too big bulk count string'],
  ])('bounds what is promised: %j', (text, error) => {
    expect(parse([Buffer.from(text)])).toEqual({ commands: [], error })
  })

  it('bounds a command as a whole', () => {
    const limits = { maxArguments: 10_000, maxArgumentBytes: 200_000, maxInlineBytes: 1_024 }
    const large = Buffer.alloc(200_000, 'x')
    const outcome = parse([command('X', ...Array.from({ length: 6 }, () => large))], limits)
    expect(outcome).toEqual({ commands: [], error: 'invalid bulk length' })
    expect(parse([command('X', ...Array.from({ length: 5 }, () => large))], limits).error).toBe(
      undefined,
    )
  })
})
