/**
 * A small fuzzer that runs in one process: it changes what is right, in ways that parsers stumble upon, and has a
 * target look at what comes of it. Everything follows from a seed and an input's number.
 */
import { Random } from './random.ts'

/** A parser, or whatever else reads what others send. */
export interface Target {
  readonly name: string
  /** What it reads, in a word or two. */
  readonly reads: string
  /** What must hold beside that nothing else than its own errors is thrown. */
  readonly holds: string
  /** What is right, to begin with; one character a byte. */
  readonly seeds: readonly string[]
  /** What its grammar is made of. */
  readonly tokens: readonly string[]
  /** Bytes of an input at most (1,000). */
  readonly longest?: number
  /** How many inputs stand for a thousand of others: for those that take their way through a socket. */
  readonly perThousand?: number
  /**
   * Looks at one input.
   * @throws whatever shows that the target breaks its word
   */
  check(input: string, random: Random): void | Promise<void>
  /** Looks at what holds over many inputs, and lets go of everything. @throws likewise */
  end?(): void | Promise<void>
}

/** What came of a run. */
export interface Outcome {
  readonly inputs: number
  readonly seconds: number
  /** Bytes of the longest time that one input took, in ms, and its number. */
  readonly slowest: number
  readonly slowestAt: number
  /** Bytes in use after a tenth of the inputs and after all; undefined where garbage cannot be collected. */
  readonly heapBefore: number | undefined
  readonly heapAfter: number | undefined
}

export interface RunOptions {
  readonly inputs: number
  readonly seed: number
  /** The number of the first input. */
  readonly from?: number
  /** Hears of the number that is next, now and then. */
  readonly progress?: (at: number) => void
}

/** A target's word is broken; says by which input, and how to see it again. */
export class FuzzFailure extends Error {
  constructor(target: Target, seed: number, at: number, input: string, cause: unknown) {
    const shown = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    super(
      `${target.name}: input ${at} of seed ${seed}\n${JSON.stringify(input)}\n${shown}\n` +
        `Again: npm run fuzz -- --only ${target.name} --seed ${seed} --from ${at} 1`,
      { cause },
    )
  }
}

/** How many inputs pass until others get the loop. */
const TURN = 512

/** @throws FuzzFailure at the first input by which a target breaks its word */
export async function fuzz(target: Target, options: RunOptions): Promise<Outcome> {
  const { inputs, seed, from = 0, progress } = options
  const settled = from + Math.floor(inputs / 10)
  const start = performance.now()
  let heapBefore: number | undefined
  let slowest = 0
  let slowestAt = from
  for (let at = from; at < from + inputs; at++) {
    if (at === settled) heapBefore = collected()
    const random = new Random(seed, at)
    const input = inputOf(target, random)
    const began = performance.now()
    try {
      const pending = target.check(input, random)
      if (pending) await pending
    } catch (error) {
      throw new FuzzFailure(target, seed, at, input, error)
    }
    const took = performance.now() - began
    if (took > slowest) {
      slowest = took
      slowestAt = at
    }
    if (at % TURN === 0) {
      progress?.(at)
      await new Promise(setImmediate)
    }
  }
  const seconds = (performance.now() - start) / 1000
  try {
    await target.end?.()
  } catch (error) {
    throw new FuzzFailure(target, seed, from + inputs, '', error)
  }
  return { inputs, seconds, slowest, slowestAt, heapBefore, heapAfter: collected() }
}

/** Bytes in use once what nobody holds is gone; undefined unless Node runs with --expose-gc. */
function collected(): number | undefined {
  if (!globalThis.gc) return undefined
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const LONGEST = 1_000
/** Where programs have their bounds. */
const NUMBERS = [
  '0',
  '-0',
  '-1',
  '1',
  '00',
  '01',
  '+1',
  '1.5',
  '1e9',
  '127',
  '128',
  '255',
  '256',
  '65535',
  '65536',

  '2147483647',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '18446744073709551616',
  '1e400',
  'NaN',
  'Infinity',
  '0x10',
  '99999999999999999999999999',
  '\xd9\xa3',
]
const ODD = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '\x7f',
  '\x80',
  '\xff',
  '\xc0\xaf',
  '\xed\xa0\x80',
  '\xef\xbb\xbf',
  '\xf4\x90\x80\x80',
  '%',
  '\\',
  '"',
  "'",
]

/** The input that a target is given: something right, changed; or its tokens in any order; or anything. */
export function inputOf(target: Target, random: Random): string {
  const { seeds, tokens, longest = LONGEST } = target
  const kind = random.int(16)
  let text: string
  if (kind === 0) text = random.bytes(random.small(200))
  else if (kind <= 4 || seeds.length === 0) {
    text = ''
    for (let left = random.small(40); left > 0; left--) text += anyPiece(random, tokens)
  } else text = random.pick(seeds)
  if (kind > 1) {
    for (let left = 1 + random.small(8); left > 0; left--) text = changed(text, target, random)
  }
  return text.length > longest ? text.slice(0, longest) : text
}

function anyPiece(random: Random, tokens: readonly string[]): string {
  switch (random.int(8)) {
    case 0:
      return random.bytes(1 + random.small(4))
    case 1:
      return random.pick(NUMBERS)
    case 2:
      return random.pick(ODD)
    default:
      return tokens.length === 0 ? random.bytes(1) : random.pick(tokens)
  }
}

/** One change. */
function changed(
  text: string,
  { seeds, tokens, longest = LONGEST }: Target,
  random: Random,
): string {
  const at = random.int(text.length + 1)
  const head = text.slice(0, at)
  switch (random.int(10)) {
    case 0:
      return head + text.slice(at + 1 + random.small(8))
    case 1:
      return head + anyPiece(random, tokens) + text.slice(at)
    case 2:
      return head + anyPiece(random, tokens) + text.slice(at + 1 + random.small(6))
    case 3: {
      // A bit is another one.
      const byte = text.charCodeAt(at)
      if (Number.isNaN(byte)) return text
      return head + String.fromCharCode((byte ^ (1 << random.int(8))) & 0xff) + text.slice(at + 1)
    }
    case 4: {
      // What stands there stands there again, up to very often: depth, and lengths.
      const piece = random.once(2)
        ? anyPiece(random, tokens)
        : text.slice(at, at + 1 + random.small(12))
      const most = Math.max(1, Math.floor(longest / Math.max(1, piece.length)))
      return head + piece.repeat(1 + random.small(most)) + text.slice(at)
    }
    case 5: {
      // Another number.
      const digits = /\d+/.exec(text.slice(at))
      if (!digits) return text
      const from = at + digits.index
      return text.slice(0, from) + random.pick(NUMBERS) + text.slice(from + digits[0].length)
    }
    case 6: {
      // One that is right goes on as another.
      if (seeds.length === 0) return text
      const other = random.pick(seeds)
      return head + other.slice(random.int(other.length + 1))
    }
    case 7: {
      // Two places change.
      const end = at + random.small(20)
      const to = random.int(text.length + 1)
      const rest = head + text.slice(end)
      return rest.slice(0, to) + text.slice(at, end) + rest.slice(to)
    }
    case 8:
      return head
    default:
      return head + random.bytes(1 + random.small(3)) + text.slice(at + random.int(2))
  }
}

/** Bytes in pieces, cut anywhere. */
export function cutUp(bytes: Buffer, random: Random): Buffer[] {
  if (random.once(8)) return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + random.small(bytes.length - at)
    pieces.push(bytes.subarray(at, next))
    at = next
  }
  return pieces
}

/** The bytes of an input. */
export function bytesOf(input: string): Buffer {
  return Buffer.from(input, 'latin1')
}

/** What an input says where text is read: what is no UTF-8 is U+FFFD. */
export function textOf(input: string): string {
  return Buffer.from(input, 'latin1').toString('utf8')
}

/**
 * What a function gives, or the error that it may throw.
 * @throws any other error
 */
export function orError<T>(
  work: () => T,
  expected: (error: unknown) => boolean,
): { readonly value: T; readonly error?: undefined } | { readonly error: Error } {
  try {
    return { value: work() }
  } catch (error) {
    if (!(error instanceof Error) || !expected(error)) throw error
    return { error }
  }
}

/** @throws Error unless both are written the same */
export function same(found: unknown, expected: unknown, what: string): void {
  const one = written(found)
  const other = written(expected)
  if (one !== other) throw new Error(`${what}:\n found    ${one}\n expected ${other}`)
}

function written(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
}

/** @throws Error unless it holds */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** What JSON is made of, for targets that read it. */
export const JSON_MARKS: readonly string[] = ['{', '}', '[', ']', ':', ',', '"', 'null', '{}', '[]']
