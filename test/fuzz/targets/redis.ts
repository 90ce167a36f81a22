import { splitInline } from '../../../src/protocols/redis/inline.ts'
import { RedisError } from '../../../src/protocols/redis/errors.ts'
import { integerOf } from '../../../src/protocols/redis/numbers.ts'
import { cursorOf, endOf, startOf } from '../../../src/protocols/redis/ranges.ts'
import { ReplyParser, type Reply, RespError, encodeCommand } from '../../../src/client/resp.ts'
import { Glob } from '../../../src/model/glob.ts'
import { BEFORE_ALL } from '../../../src/model/id.ts'
import { LIMITS, parse } from '../../protocols/redis/fuzz.ts'
import { bytesOf, cutUp, must, orError, same, type Target } from '../engine.ts'

const COMMANDS = [
  '*1\r\n$4\r\nPING\r\n',
  '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n',
  '*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$12\r\nhello\r\nworld\r\n',
  '*3\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n$9\r\nuser/repo\r\n',
  '*7\r\n$4\r\nXADD\r\n$3\r\nlog\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$2\r\n10\r\n$1\r\n*\r\n$4\r\nbody\r\n$0\r\n\r\n',
  '*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n5\r\n$7\r\nSTREAMS\r\n$3\r\nlog\r\n$1\r\n$\r\n',
  '*2\r\n$10\r\nPSUBSCRIBE\r\n$8\r\nn[a-z]*?\r\n',
  'PING\r\n',
  "set \"a b\\x41\\n\" 'c\\'d'\r\n",
]

const resp: Target = {
  name: 'resp',
  reads: 'commands of the redis door, as arrays and as lines',
  holds:
    'the same commands however they are cut; nothing beyond the bounds waits; what is kept does not change',
  seeds: [...COMMANDS, COMMANDS.join('')],
  tokens: [
    '*',
    '$',
    '\r\n',
    '-1',
    '1',
    '3',
    '64',
    '65',
    '4096',
    '4097',
    '"',
    "'",
    '\\x4',
    '%',
    '~',
    '>',
    '_\r\n',
    '#t\r\n',
    ',1.5\r\n',
    '(1\r\n',
    '|1\r\n',
    '=8\r\ntxt:\r\n',
    'PING\r\n',
    '$4\r\nPING\r\n',
  ],
  check(input, random) {
    const bytes = bytesOf(input)
    const whole = parse([bytes])
    const pieces = parse(cutUp(bytes, random))
    same(pieces.commands, whole.commands, 'the commands')
    if (bytes.length < LIMITS.maxInlineBytes) same(pieces.error, whole.error, 'the error')
    for (const args of whole.commands) {
      // As a line of text it has as many as fit into one.
      const most = Math.max(LIMITS.maxArguments, LIMITS.maxInlineBytes / 2)
      must(args.length <= most, 'more arguments than the bound')
    }
  },
}

const inline: Target = {
  name: 'resp-inline',
  reads: "Redis's quoting",
  holds: 'what is quoted comes back as it was',
  seeds: ['set "a b" c', "'it\\'s' \"\\x00\\n\\\\\"", 'a"b"'],
  tokens: ['"', "'", '\\', '\\x41', '\\x4', '\\n', ' ', '\t', '\0'],
  check(input) {
    splitInline(input)
    const hex = bytesOf(input).toString('hex')
    const quoted = hex.replace(/../g, '\\x$&')
    same(splitInline(`x "${quoted}" y`), ['x', input, 'y'], 'what was quoted')
  },
}

function isRedis(error: unknown): boolean {
  return error instanceof RedisError
}

const ids: Target = {
  name: 'resp-ids',
  reads: 'ids, ranges and numbers of XRANGE and XREAD',
  holds: 'a range within all ids, or an error of Redis',
  seeds: [
    '1700000000-5',
    '(1700000000123',
    '-',
    '+',
    '$',
    '0-0',
    '18446744073709551615-18446744073709551615',
  ],
  tokens: ['-', '+', '(', '$', '>', '0', '1700000000', '1700000000000'],
  longest: 100,
  check(input) {
    const start = orError(() => startOf(input), isRedis)
    if (!start.error) must(start.value.after >= BEFORE_ALL, 'a start before all')
    const end = orError(() => endOf(input), isRedis)
    if (!end.error) must(Number.isSafeInteger(end.value.upTo), 'an end that is no id')
    const cursor = orError(() => cursorOf(input, BEFORE_ALL), isRedis)
    if (!cursor.error) must(Number.isSafeInteger(cursor.value.after), 'a cursor that is no id')
    const number = integerOf(input)
    if (number !== undefined) same(String(number), input, 'the number')
  },
}

/** A pattern as a tree of choices that forgets nothing: slow, and plainly right. */
function matchesSlowly(pattern: string, name: string, memo: Map<string, boolean>): boolean {
  const key = `${pattern.length} ${name.length}`
  const known = memo.get(key)
  if (known !== undefined) return known
  const result = matchNow(pattern, name, memo)
  memo.set(key, result)
  return result
}

function matchNow(pattern: string, name: string, memo: Map<string, boolean>): boolean {
  if (pattern === '') return name === ''
  if (pattern.startsWith('*')) {
    if (matchesSlowly(pattern.slice(1), name, memo)) return true
    return name !== '' && matchesSlowly(pattern, name.slice(1), memo)
  }
  if (name === '') return false
  if (pattern.startsWith('?')) return matchesSlowly(pattern.slice(1), name.slice(1), memo)
  const escaped = pattern.startsWith('\\') && pattern.length > 1
  const rest = pattern.slice(escaped ? 2 : 1)
  return pattern[escaped ? 1 : 0] === name[0] && matchesSlowly(rest, name.slice(1), memo)
}

const glob: Target = {
  name: 'glob',
  reads: "Redis's patterns",
  holds:
    'as a plain backtracking matcher answers (without sets); a time in proportion to pattern times name',
  seeds: [
    '*\nabc',
    'a*b*c\naxxbxxc',
    'h?llo\nhello',
    'h[^a-e]llo\nhello',
    '\\*\n*',
    `${'*a'.repeat(20)}b\n${'a'.repeat(200)}`,
  ],
  tokens: ['*', '?', '[', ']', '^', '-', '\\', 'a', 'b', '\n', '[a-', '[^'],
  longest: 120,
  check(input) {
    const at = input.indexOf('\n')
    const pattern = at === -1 ? input : input.slice(0, at)
    const name = at === -1 ? input : input.slice(at + 1)
    const matches = new Glob(pattern).matches(name)
    if (!pattern.includes('[')) same(matches, matchesSlowly(pattern, name, new Map()), 'the match')
  },
}

function repliesOf(pieces: readonly Buffer[]): { replies: string; failed: boolean } {
  const parser = new ReplyParser()
  const replies: Reply[] = []
  try {
    for (const piece of pieces) replies.push(...parser.push(piece))
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('Redis protocol')) throw error
    return { replies: shown(replies), failed: true }
  }
  return { replies: shown(replies), failed: false }
}

function shown(replies: readonly Reply[]): string {
  return JSON.stringify(replies, (_, value: unknown) => {
    if (value instanceof RespError) return `-${value.message}`
    return Buffer.isBuffer(value) ? value.toString('latin1') : value
  })
}

const replies: Target = {
  name: 'client-resp',
  reads: 'replies of a Redis server',
  holds: 'the same however they are cut; what is encoded is read back',
  seeds: [
    '+OK\r\n',
    '-ERR no\r\n:12\r\n',
    '$5\r\nhello\r\n$-1\r\n',
    '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n',
    '*2\r\n*1\r\n:1\r\n*-1\r\n',
  ],
  tokens: ['*', '$', '+', '-', ':', '\r\n', '1', '-1', '*1\r\n', '*1048577\r\n', '$536870913\r\n'],
  check(input, random) {
    const bytes = bytesOf(input)
    const whole = repliesOf([bytes])
    const cut = repliesOf(cutUp(bytes, random))
    same(cut.failed, whole.failed, 'whether it failed')
    // What stands before a mistake is given as far as it had come in pieces of its own.
    if (!whole.failed) same(cut.replies, whole.replies, 'the replies')
    same(parse([encodeCommand([input.slice(0, 64), bytes])]).commands[0]?.[1], input, 'the command')
  },
}

export const REDIS: readonly Target[] = [resp, inline, ids, glob, replies]
