import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readPacket } from '../../../src/protocols/sparkleshare/packet.ts'
import { ObjectSplitter } from '../../../src/protocols/sparkleshare/splitter.ts'
import { mutated, pieces, RUNS } from '../fanout/pieces.ts'
import { newVersion, register, xmlRegister, xmlVersion } from './sparkleshare-client.ts'

const MOST = 200

/** What all pieces together hold. */
function split(chunks: readonly Buffer[], most = MOST): { found: string[]; end: string } {
  const splitter = new ObjectSplitter(most)
  const found: string[] = []
  for (const chunk of chunks) {
    const result = splitter.add(chunk)
    for (const { dialect, bytes } of result.found) {
      found.push(`${dialect} ${bytes.toString('latin1')}`)
    }
    if (result.end !== undefined) return { found, end: result.end }
  }
  return { found, end: '' }
}

const objects = fc.constantFrom(
  register('x'),
  newVersion('{"<packet>"}', 'r\\"'),
  xmlRegister('{'),
  xmlVersion('x', 'New revision is r'),
  '{"a": {"b": ["}"]}}',
)

/** As the clients of both forms were recorded. */
const SESSIONS = [
  register('/home/alex/myrepo.git') + newVersion('/home/alex/myrepo.git', '99ebff687164b81c'),
  xmlRegister('/home/alex/a&amp;b') + xmlVersion('/home/alex/a&amp;b', 'New revision is r&#233;'),
]

/** Bytes in which whole objects, broken ones and what opens or ends one are frequent. */
const made = fc
  .array(
    fc.oneof(
      objects,
      fc.constantFrom(
        '{',
        '}',
        '"',
        '\\',
        '\n',
        ' ',
        '<',
        '<packet',
        '</packet>',
        'GET / HTTP/1.1\r\n',
      ),
      fc.tuple(objects, fc.nat(60)).map(([text, length]) => text.slice(0, length)),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

const stream = fc.oneof(made, mutated(...SESSIONS))

describe('the object splitter (property)', () => {
  it('finds the same objects however the stream is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(20), { maxLength: 20 }), (bytes, cuts) => {
        const whole = split([bytes])
        expect(split(pieces(bytes, cuts))).toEqual(whole)
        expect(split(pieces(bytes, [1]))).toEqual(whole)
      }),
      { numRuns: RUNS },
    )
  })

  it('finds every object among blanks, and each as it was', () => {
    const blank = fc.constantFrom('', ' ', '\n', '\r\n\t')
    fc.assert(
      fc.property(fc.array(fc.tuple(objects, blank)), (list) => {
        const bytes = Buffer.from(list.map(([text, space]) => text + space).join(''))
        const expected = list.map(([text]) => `${text.startsWith('{') ? 'json' : 'xml'} ${text}`)
        expect(split([bytes])).toEqual({ found: expected, end: '' })
      }),
      { numRuns: RUNS },
    )
  })

  it('holds no object beyond its bound, and gives none', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 8, max: 60 }), (bytes, most) => {
        for (const one of split([bytes], most).found)
          expect(one.length).toBeLessThanOrEqual(most + 5)
      }),
      { numRuns: RUNS },
    )
  })

  it('what it finds is a packet or nothing: nothing throws', () => {
    fc.assert(
      fc.property(stream, fc.constantFrom('json', 'xml'), (bytes, dialect) => {
        const packet = readPacket({ dialect, bytes })
        if (packet) expect(['register', 'unregister', 'new_version']).toContain(packet.command)
      }),
      { numRuns: RUNS },
    )
  })
})
