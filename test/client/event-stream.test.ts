import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventStreamParser, type StreamEvent } from '../../src/client/event-stream.ts'
import { RefusedError } from '../../src/client/source.ts'

function parse(...pieces: string[]): StreamEvent[] {
  const parser = new EventStreamParser()
  return pieces.flatMap((piece) => parser.push(piece))
}

/** Everything the format has: all line ends, comments, fields with and without a space, ids, types. */
const STREAM =
  'retry: 250\nid: 1-0\n\n: comment\r\n\r\nevent: build\rid:1-1\rdata: one\rdata:two\r\r' +
  'data\n\ndata:  spaced\nunknown: x\n\nid\ndata: no id\n\nid: a\0b\ndata: ä☃😀\r\ndata: crlf\r\n\r\nevent: lost\n\ndata: unfinished'

const EVENTS = [
  { type: 'build', data: 'one\ntwo', id: '1-1' },
  { type: 'message', data: '', id: '1-1' },
  { type: 'message', data: ' spaced', id: '1-1' },
  { type: 'message', data: 'no id', id: '' },
  { type: 'message', data: 'ä☃😀\ncrlf', id: '' },
]

describe('the parser of event streams', () => {
  it('reads a stream as the HTML standard has it', () => {
    expect(parse(STREAM)).toEqual(EVENTS)
  })

  it('reads it the same at every split', () => {
    for (let at = 0; at <= STREAM.length; at++) {
      expect(parse(STREAM.slice(0, at), STREAM.slice(at))).toEqual(EVENTS)
    }
  })

  it('reads it the same in pieces of one character, with empty ones between', () => {
    expect(parse(...STREAM.split('').flatMap((piece) => ['', piece, '']))).toEqual(EVENTS)
  })

  it('reads any stream the same in any pieces', () => {
    const unit = fc.constantFrom('\r', '\n', 'data: x', 'id: 1', 'event: e', ':', ' ', 'data')
    const stream = fc.array(unit, { maxLength: 30 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(stream, fc.array(fc.nat(40), { maxLength: 5 }), (text, cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length]
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end))
        expect(parse(...pieces)).toEqual(parse(text))
      }),
    )
  })

  it('passes over one byte order mark, at the beginning', () => {
    expect(parse('\u{feff}data: x\n\n', '\u{feff}data: y\n\n')).toMatchObject([{ data: 'x' }])
  })

  it('counts ids of blocks without data, and only when the block has ended', () => {
    const parser = new EventStreamParser()
    parser.push('id: 1-0\n')
    expect(parser.lastId).toBe('')
    parser.push('\n')
    expect(parser.lastId).toBe('1-0')
  })

  it.each([
    ['retry: 250\n', 250],
    ['retry:0\n', 0],
    ['retry: 1s\n', undefined],
    ['retry:\n', undefined],
    ['retry: -5\n', undefined],
  ])('takes a time to wait that is a number: %j', (text, retry) => {
    const parser = new EventStreamParser()
    parser.push(text)
    expect(parser.retry).toBe(retry)
  })

  it('refuses an event without an end, in one line or in many', () => {
    const long = new EventStreamParser(1000)
    expect(() => {
      for (let n = 0; n < 11; n++) long.push('x'.repeat(100))
    }).toThrow(RefusedError)
    const many = new EventStreamParser(1000)
    expect(() => many.push('data: x\n'.repeat(200))).toThrow(RefusedError)
    const fine = new EventStreamParser(1000)
    expect(fine.push('data: x\n\n'.repeat(500))).toHaveLength(500)
  })

  it('takes time in proportion to the stream: many lines, and one long one in many pieces', () => {
    const parser = new EventStreamParser()
    const lines = `${'data: x\n'.repeat(400_000)}\n`
    expect(parser.push(lines)[0]?.data).toHaveLength(799_999)
    let events: StreamEvent[] = []
    for (let n = 0; n < 4_000; n++) parser.push('y'.repeat(16_000))
    events = parser.push('\ndata: end\n\n')
    expect(events).toMatchObject([{ data: 'end' }])
  }, 5_000)
})
