import * as fc from 'fast-check'

/** How many inputs a property test tries; a nightly run tries more. */
export const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 1000)

/** A stream cut into pieces of these lengths, again and again. */
export function pieces(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const steps = lengths.filter((length) => length > 0)
  if (steps.length === 0) return [bytes]
  const found: Buffer[] = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const length = steps[n % steps.length] as number
    found.push(bytes.subarray(at, at + length))
    at += length
  }
  return found
}

/** A recorded session with some of its bytes changed, dropped, doubled or moved. */
export function mutated(...sessions: readonly string[]): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat(400),
    drop: fc.nat(12),
    put: fc.oneof(
      fc.constant(''),
      fc.constantFrom('\n', '\r', '\0', '"', '\\', '{', '}', '<', '>', '!', ' ', '&#x0;', '\x16'),
      fc.nat(400).map((from) => sessions.join('').slice(from, from + 20)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
  })
  return fc
    .tuple(fc.constantFrom(...sessions), fc.array(edit, { maxLength: 6 }))
    .map(([session, edits]) => {
      let text = session
      for (const { at, drop, put } of edits) text = text.slice(0, at) + put + text.slice(at + drop)
      return Buffer.from(text, 'latin1')
    })
}
