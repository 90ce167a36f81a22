/** What the objects are that refs point to: their types, and who made them. */
import type { Git, RunOptions } from './git.ts'
import { isNone } from './refs.ts'

/** An object, as far as an event of a ref tells of it. */
export interface GitObject {
  readonly type: string
  /** The author of a commit, the tagger of a tag; left out where the object does not say. */
  readonly author?: string
  readonly email?: string
  /** A tag's message. */
  readonly message?: string
  /** What a tag points to in the end. */
  readonly target?: string
}

/** Larger tags and commits are not read. */
const MAX_OBJECT = 2 ** 20
/** Characters of a tag's message. */
const MAX_MESSAGE = 64 * 2 ** 10

/**
 * Reads objects by name, with two processes for all of them. Those that are not there are left out.
 * @throws GitError
 */
export async function readObjects(
  git: Git,
  hashes: Iterable<string>,
  options: RunOptions = {},
): Promise<Map<string, GitObject>> {
  const asked = [...new Set(hashes)].filter((hash) => !isNone(hash))
  const objects = new Map<string, GitObject>()
  if (asked.length === 0) return objects
  const targets = new Map<string, string>()
  const readable: string[] = []
  const input = asked.map((hash) => `${hash}\n${hash}^{}\n`).join('')
  const said = await git.read(['cat-file', '--batch-check'], { ...options, input })
  const lines = said.toString('latin1').split('\n')
  for (const [n, asking] of asked.entries()) {
    const [, type = '', size = ''] = (lines[n * 2] ?? '').split(' ')
    const [target = '', targetType] = (lines[n * 2 + 1] ?? '').split(' ')
    if (type === 'missing' || size === '') continue
    objects.set(asking, { type })
    if (targetType !== 'missing' && target !== asking) targets.set(asking, target)
    if ((type === 'tag' || type === 'commit') && Number(size) <= MAX_OBJECT) readable.push(asking)
  }
  if (readable.length === 0) return objects
  const bodies = git.stream(['cat-file', '--batch'], {
    ...options,
    input: `${readable.join('\n')}\n`,
  })
  for await (const [hash, body] of batchOf(bodies)) {
    const object = parseObject(objects.get(hash)?.type ?? '', body)
    const target = targets.get(hash)
    objects.set(hash, target === undefined ? object : { ...object, target })
  }
  return objects
}

/** The output of `cat-file --batch`: a line with name, type and length, then so many bytes. */
async function* batchOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<[string, Buffer], void> {
  let rest = Buffer.alloc(0)
  for await (const piece of pieces) {
    rest = Buffer.concat([rest, piece])
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a)) {
      const [hash = '', , size] = rest.toString('latin1', 0, end).split(' ')
      const length = size === undefined ? -1 : Number(size)
      const next = end + 1 + length + 1
      if (rest.length < next) break
      if (length >= 0) yield [hash, rest.subarray(end + 1, next - 1)]
      rest = rest.subarray(next)
    }
  }
}

/** A commit or a tag as it is stored: headers, an empty line, the message. */
function parseObject(type: string, body: Buffer): GitObject {
  const gap = body.indexOf('\n\n')
  const head = body.subarray(0, gap === -1 ? body.length : gap)
  const encoding = /^encoding (\S+)$/m.exec(head.toString('latin1'))?.[1]
  const lines = decode(head, encoding).split('\n')
  const who = lines.find((line) => line.startsWith(type === 'tag' ? 'tagger ' : 'author '))
  const [, author = '', email = ''] = /^\S+ (.*?) ?<([^>]*)>/.exec(who ?? '') ?? []
  const message = type === 'tag' && gap !== -1 ? tagMessage(decode(body.subarray(gap + 2))) : ''
  return {
    type,
    ...(author === '' ? {} : { author }),
    ...(email === '' ? {} : { email }),
    ...(message === '' ? {} : { message }),
  }
}

/** Without the signature, which is for programs that check it. */
function tagMessage(text: string): string {
  const message = text.replace(/^-----BEGIN (?:PGP|SSH|SIGNED) [^]*/m, '')
  return message.slice(0, MAX_MESSAGE).trimEnd()
}

/** Text in the encoding it says; bytes that are not of it become U+FFFD. */
function decode(bytes: Buffer, encoding = 'utf-8'): string {
  try {
    return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)
  } catch {
    return bytes.toString('utf8')
  }
}
