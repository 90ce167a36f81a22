/** What the parser is given: commands as bytes, and bytes that are none. For tests and nightly runs. */
import * as fc from 'fast-check'
import { bytesOf } from '../../../src/model/message.ts'
import {
  type ParserLimits,
  ProtocolError,
  RespParser,
} from '../../../src/protocols/redis/parser.ts'

export const LIMITS: ParserLimits = {
  maxArguments: 64,
  maxArgumentBytes: 4_096,
  maxInlineBytes: 1_024,
}

/** What came of bytes: commands with their arguments, one character a byte, and an error's words. */
export interface Outcome {
  readonly commands: readonly (readonly string[])[]
  readonly error: string | undefined
}

/**
 * Parses pieces one after the other. Every argument is looked at in each way, and what is to be kept is
 * looked at again at the end: later bytes must not have changed it.
 * @throws Error when the parser breaks its word
 */
export function parse(pieces: readonly Buffer[], limits = LIMITS): Outcome {
  const parser = new RespParser(limits)
  const commands: string[][] = []
  const kept: [Buffer, string][] = []
  let error: string | undefined
  try {
    for (const piece of pieces) {
      parser.push(Buffer.from(piece))
      while (parser.next()) {
        const args: string[] = []
        for (let index = 0; index < parser.count; index++) {
          const text = parser.text(index)
          if (parser.view(index).toString('latin1') !== text) throw new Error('view is not text')
          if (parser.length(index) !== text.length) throw new Error('length is not right')
          if (!parser.is(index, text)) throw new Error('is says no')
          kept.push([bytesOf(parser.own(index)), text])
          args.push(text)
        }
        commands.push(args)
      }
      const most = 2 * limits.maxArgumentBytes + 2 ** 20 + limits.maxInlineBytes
      if (parser.waiting > most) throw new Error(`${parser.waiting} bytes wait`)
    }
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown
    error = thrown.message
  }
  for (const [bytes, text] of kept) {
    if (bytes.toString('latin1') !== text) throw new Error('what was kept has changed')
  }
  return { commands, error }
}

/** Bytes cut at these places, given as fractions. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length))
}

const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
const argument = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 900, maxLength: 1_200 }),
  fc.constantFrom('PUBLISH', 'a', '', '\r\n', '$5\r\n').map((text) => Buffer.from(text)),
)

/** Commands, the bytes that they are, and how those are cut. */
export const commandsInPieces = fc.record({
  commands: fc.array(fc.array(argument, { minLength: 1, maxLength: 6 }), { maxLength: 12 }),
  places,
})

/** What a client sends in a morning, as it was recorded. */
const SESSION = Buffer.from(
  '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*4\r\n$6\r\nCLIENT\r\n$7\r\nSETINFO\r\n$8\r\nLIB-NAME\r\n$8\r\nredis-py\r\n' +
    '*3\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n$9\r\nuser/repo\r\n*1\r\n$4\r\nPING\r\nPING\r\nset "a b" \'c\'\r\n' +
    '*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$13\r\nhello\r\n\0world\r\n*5\r\n$4\r\nXADD\r\n$3\r\nlog\r\n$1\r\n*\r\n' +
    '$4\r\nbody\r\n$0\r\n\r\n*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n5\r\n$7\r\nSTREAMS\r\n$3\r\nlog\r\n$1\r\n$\r\n',
  'latin1',
)

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
const edit = fc.record({
  place,
  remove: fc.nat({ max: 4 }),
  insert: fc.uint8Array({ maxLength: 4 }),
})

/** That session with some bytes of it changed, and cut anywhere. */
export const mutatedSession = fc
  .record({ edits: fc.array(edit, { maxLength: 6 }), places: fc.array(place, { maxLength: 12 }) })
  .map(({ edits, places: cuts }) => {
    let bytes = SESSION
    for (const { place: where, remove, insert } of edits) {
      const at = Math.floor(where * bytes.length)
      bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)])
    }
    return { bytes, places: cuts }
  })

/** The alphabet of the protocol, so that random bytes come far. */
const tokens = fc.constantFrom(
  '*',
  '$',
  '\r\n',
  '1',
  '0',
  '-1',
  '3',
  '99',
  'PING',
  '"',
  "'",
  '\\x4',
  ' ',
  '\0',
  '$4\r\nPING\r\n',
  '*1\r\n',
)

/** Bytes that may be anything. */
export const anyBytes = fc.record({
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tokens, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''), 'latin1')),
    fc
      .array(fc.oneof(tokens, fc.string({ maxLength: 5 })), { maxLength: 300 })
      .map((parts) => Buffer.from(parts.join(''), 'latin1')),
  ),
  places,
})
