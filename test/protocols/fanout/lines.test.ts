import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCommand } from '../../../src/protocols/fanout/codec.ts'
import { LineReader } from '../../../src/protocols/fanout/lines.ts'
import { mutated, pieces, RUNS } from './pieces.ts'

const MOST = 32

/** As a client and the git hook were recorded. */
const SESSIONS = [
  'subscribe 0123abcd\nsubscribe all\nannounce 0123abcd c0ffee1\nping\nunsubscribe all\ninfo\n',
  'announce 0123abcd 89abcdef\n\n',
]

/** Bytes in which lines, long lines and commands are frequent. */
const made = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', ' ', 'ping\n', 'announce x ', 'subscribe /y', '!', '\r\n', '\x00'),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

const stream = fc.oneof(made, mutated(...SESSIONS))

function linesOf(chunks: readonly Buffer[]): { lines: string[]; tooLong: boolean } {
  const reader = new LineReader(MOST)
  const lines: string[] = []
  for (const chunk of chunks) {
    const read = reader.add(chunk)
    lines.push(...read.lines.map((line) => line.toString('latin1')))
    if (read.tooLong) return { lines, tooLong: true }
  }
  return { lines, tooLong: false }
}

describe('the line reader (property)', () => {
  it('finds the same lines however the stream is cut: those between its LFs', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(12), { maxLength: 30 }), (bytes, cuts) => {
        const parts = bytes.toString('latin1').split('\n')
        const long = parts.findIndex((part) => part.length > MOST)
        const whole = long === -1 ? parts.slice(0, -1) : parts.slice(0, long)
        const expected = { lines: whole, tooLong: long !== -1 }
        expect(linesOf(pieces(bytes, cuts))).toEqual(expected)
        expect(linesOf([bytes])).toEqual(expected)
      }),
      { numRuns: RUNS },
    )
  })

  it('makes a command of every line, or nothing', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const command = readCommand(bytes)
        if (command?.kind === 'announce') {
          expect(bytes.includes(command.message)).toBe(true)
          expect(command.message.length).toBeGreaterThan(0)
        } else if (command && 'name' in command) expect(command.name).not.toMatch(/[ !]/)
      }),
      { numRuns: RUNS },
    )
  })
})
