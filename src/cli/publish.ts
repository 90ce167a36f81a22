import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff } from '../client/backoff.ts'
import { readSome, send, shown } from '../client/http.ts'
import { parseJson, reasonOf } from '../client/source.ts'
import type { PublishFlags } from './flags.ts'
import { LineBatches } from './line-batches.ts'
import { printable } from './printable.ts'
import { targetUrl, UsageError } from './target.ts'

/** Attempts at one request while no answer comes. */
const ATTEMPTS = 4

interface Outgoing {
  readonly body: Buffer | string
  readonly type: string
  /** Left out where the messages in it have their own. */
  readonly key?: string
}

interface Answer {
  readonly id: string
  /** For people: how many were listening, where the server says. */
  readonly heard: string
}

/**
 * Publishes the argument, or standard input.
 * @returns the exit code
 */
export async function publish(
  target: string,
  message: string | undefined,
  flags: PublishFlags,
): Promise<number> {
  try {
    const url = targetUrl(target, flags.server, 'publisher')
    if (!/^https?:$/.test(url.protocol)) {
      throw new UsageError(`cannot publish to ${url.protocol} URLs; http: and https: can`)
    }
    if (flags.lines && message !== undefined) {
      throw new UsageError('--lines reads standard input; leave the message out')
    }
    if (flags.lines) await publishLines(url, flags)
    else {
      const body = message === undefined ? await standardInput() : Buffer.from(message)
      const type = flags.type ?? guessType(body)
      const { id, heard } = await post(url, { body, type, key: flags.key ?? randomUUID() }, flags)
      console.log(`${id}${heard}`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`fanfare: ${printable(error.message)}`)
    return 1
  }
}

/**
 * Each line has a key by its number, so that the whole run can be repeated however its lines were
 * put together into requests.
 */
async function publishLines(url: URL, flags: PublishFlags): Promise<void> {
  const key = flags.key ?? randomUUID()
  let count = 0
  let last: Answer | undefined
  for await (const lines of new LineBatches(process.stdin)) {
    const messages = lines.map((body, n) => {
      const type = flags.type ?? guessType(Buffer.from(body))
      return JSON.stringify({ body, type, key: `${key}-${count + n}` })
    })
    const body = messages.join('\n')
    last = await post(url, { body, type: 'application/x-ndjson' }, flags)
    count += lines.length
    if (process.stderr.isTTY) process.stderr.write(`\r${count} published`)
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  if (!last) throw new UsageError('standard input had no line to publish')
  console.log(`${last.id}${last.heard}, ${count} published`)
}

/** Sends one request until there is an answer; its key makes that safe. */
async function post(url: URL, outgoing: Outgoing, flags: PublishFlags): Promise<Answer> {
  const backoff = new Backoff(200)
  const headers = headersOf(outgoing, flags)
  const body = Buffer.from(outgoing.body)
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await send(url, { method: 'POST', headers, body })
      const { statusCode = 0 } = response
      const text = await readSome(response)
      if (statusCode >= 200 && statusCode < 300) return answerOf(response, text)
      if (statusCode < 500 || attempt === ATTEMPTS) {
        throw new UsageError(`${shown(url)} answered ${statusCode}: ${errorMessage(text)}`)
      }
    } catch (error) {
      if (error instanceof UsageError) throw error
      if (attempt === ATTEMPTS) {
        throw new UsageError(`${shown(url)} cannot be reached: ${reasonOf(error)}`)
      }
    }
    await sleep(backoff.next())
  }
}

function answerOf({ headers }: IncomingMessage, text: string): Answer {
  const { subscribers } = (parseJson(text) ?? {}) as { subscribers?: unknown }
  const heard = typeof subscribers === 'number' ? `  ${subscribers} listening` : ''
  // Other servers give no id.
  return { id: String(headers['fanfare-id'] ?? 'published'), heard }
}

/** @throws UsageError for an option that cannot be a header */
function headersOf({ type, key }: Outgoing, { ttl }: PublishFlags): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json' }
  const options = { type: ['content-type', type], key: ['idempotency-key', key], ttl: ['ttl', ttl] }
  for (const [option, [name = '', value]] of Object.entries(options)) {
    if (value === undefined) continue
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
      throw new UsageError(`--${option} takes printable ASCII characters`)
    }
    headers[name] = value
  }
  return headers
}

function errorMessage(text: string): string {
  const { error } = (parseJson(text) ?? {}) as { error?: { message?: unknown } }
  return typeof error?.message === 'string' ? error.message : text.trim().slice(0, 500)
}

async function standardInput(): Promise<Buffer> {
  if (process.stdin.isTTY) console.error('Type the message, and end it with Ctrl-D.')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** JSON where it is an object or an array, else text, else bytes. */
function guessType(body: Buffer): string {
  const text = body.toString('utf8')
  if (!Buffer.from(text).equals(body)) return 'application/octet-stream'
  if (/^\s*[[{]/.test(text) && parseJson(text) !== undefined) return 'application/json'
  return 'text/plain; charset=utf-8'
}
