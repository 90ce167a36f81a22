import { postForm } from '../doors/http.ts'
import { blankBody, stamp } from './body.ts'
import { MarkerCounter } from './counter.ts'
import { Latencies } from './latency.ts'
import { SampledStream } from './sample.ts'

/**
 * The instrument checks itself before it measures: streams of every framing, cut at random places,
 * must be counted and read exactly, and a lost, doubled or displaced message must be noticed.
 */

const BODY = 128
const STREAMS = 10
const MESSAGES = 300

/** Framings with the irregularities of real ones: ids that grow, chunk heads, JSON, bare frames. */
const FRAMINGS: readonly ((body: string, n: number) => string)[] = [
  (body, n) => `id: 1763706278:${n}\ndata: ${body}\n\n`,
  (body, n) =>
    `${n % 7 === 0 ? `\r\n${(n * 991).toString(16)}\r\n` : ''}id: 1-${n}\ndata: ${body}\n\n`,
  (body) => `\x81\x7e\x00\x80${body}`,
  (body, n) => `\x81\x7e\x00\xb9{"id":"1-${n}","channel":"bench","body":"${body}"}`,
  (body, n) =>
    `${n % 9 === 0 ? ':1\r\n' : ''}*3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$128\r\n${body}\r\n`,
  (body, n) =>
    `${n % 50 === 0 ? ': still here, and for longer than any stride\n\n'.repeat(9) : ''}${body}\n`,
]

/** Returns what is wrong with the instrument; nothing, one hopes. */
export function selfCheck(seed: number): string[] {
  const random = generator(seed)
  const problems: string[] = []
  const upright = Array.from({ length: MESSAGES }, (_, i) => i)
  const [first = 0, second = 0, ...others] = upright
  for (let i = 0; i < STREAMS; i++) {
    const framing = i % FRAMINGS.length
    const name = `framing ${framing}, stream ${i}`
    const whole = readAll(framing, upright, random)
    if (whole.counted !== MESSAGES || whole.read !== MESSAGES || whole.problems > 0) {
      problems.push(`${name}: ${MESSAGES} messages were taken for ${whole.counted} (${whole.read})`)
    }
    const lost = readAll(framing, [first, ...others], random)
    if (lost.counted !== MESSAGES - 1 || lost.problems === 0)
      problems.push(`${name}: missed a loss`)
    const doubled = readAll(framing, [first, second, second, ...others], random)
    if (doubled.counted !== MESSAGES + 1 || doubled.problems === 0) {
      problems.push(`${name}: missed a double`)
    }
    const displaced = readAll(framing, [second, first, ...others], random)
    if (displaced.problems === 0 || displaced.hash === whole.hash) {
      problems.push(`${name}: missed a displaced message`)
    }
  }
  if (countReplies(random) !== MESSAGES) problems.push('publish replies were miscounted')
  return problems
}

function readAll(framing: number, sequence: readonly number[], random: () => number) {
  const frame = FRAMINGS[framing] ?? String
  const body = blankBody(BODY)
  const text = sequence.map((number, i) => {
    stamp(body, 0, 1, number, 12_345)
    return frame(body.toString('latin1'), i)
  })
  const counter = new MarkerCounter(1, BODY)
  const sample = new SampledStream('check', BODY, new Latencies())
  cut(Buffer.from(text.join(''), 'latin1'), random, (bytes, from, to) => {
    counter.take(0, bytes, from, to)
    sample.take(bytes, from, to)
  })
  return {
    counted: counter.counts[0],
    read: sample.count,
    problems: sample.problems.length,
    hash: sample.orderHash,
  }
}

function countReplies(random: () => number): number {
  const replies = postForm(String, false).replies()
  let count = 0
  const one = 'HTTP/1.1 201 Created\r\nServer: x\r\ncontent-length: 11\r\n\r\nqueued: 1\r\n'
  cut(Buffer.from(one.repeat(MESSAGES)), random, (bytes, from, to) => {
    count += replies.take(bytes, from, to)
  })
  return count
}

/** Hands the stream out in random pieces, each somewhere in a larger buffer full of markers. */
function cut(
  stream: Buffer,
  random: () => number,
  take: (bytes: Buffer, from: number, to: number) => void,
): void {
  const largest = random() < 0.5 ? 40 : 4000
  let at = 0
  while (at < stream.length) {
    const size = Math.min(stream.length - at, 1 + Math.floor(random() * largest))
    const from = Math.floor(random() * 8)
    const buffer = Buffer.alloc(from + size + 256, '|')
    stream.copy(buffer, from, at, at + size)
    take(buffer, from, from + size)
    at += size
  }
}

/** Numbers from 0 to 1, the same ones for the same seed (xorshift). */
function generator(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
