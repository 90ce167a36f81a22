import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createInterface } from 'node:readline'
import { Backoff } from '../client/backoff.ts'
import { reasonOf } from '../client/source.ts'
import type { PublishFlags } from './flags.ts'
import { targetUrl, UsageError } from './target.ts'

/** Attempts at one request while no answer comes. */
const ATTEMPTS = 4
/** Lines that go in one request. */
const LINES_A_REQUEST = 500

interface Outgoing {
  readonly body: Buffer | string
  readonly type: string
  readonly key: string
}

interface Answer {
  readonly id: string
  readonly subscribers: number
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
    if (flags.lines) await publishLines(url, flags)
    else {
      const body = message === undefined ? await standardInput() : Buffer.from(message)
      const type = flags.type ?? guessType(body)
      const { id, subscribers } = await post(
        url,
        { body, type, key: flags.key ?? randomUUID() },
        flags,
      )
      console.log(`${id}  ${subscribers} listening`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`fanfare: ${error.message}`)
    return 1
  }
}

async function publishLines(url: URL, flags: PublishFlags): Promise<void> {
  const key = flags.key ?? randomUUID()
  let lines: string[] = []
  let count = 0
  let last: Answer | undefined
  const send = async (): Promise<void> => {
    if (lines.length === 0) return
    const type = flags.type === undefined ? {} : { type: flags.type }
    const body = lines.map((text) => JSON.stringify({ body: text, ...type })).join('\n')
    last = await post(url, { body, type: 'application/x-ndjson', key: `${key}-${count}` }, flags)
    count += lines.length
    lines = []
    if (process.stderr.isTTY) process.stderr.write(`\r${count} published`)
  }
  for await (const line of createInterface({ input: process.stdin })) {
    lines.push(line)
    if (lines.length === LINES_A_REQUEST) await send()
  }
  await send()
  if (process.stderr.isTTY) process.stderr.write('\n')
  if (!last) throw new UsageError('standard input had no line to publish')
  console.log(`${last.id}  ${last.subscribers} listening, ${count} published`)
}

/** Sends one request until there is an answer; its key makes that safe. */
async function post(url: URL, outgoing: Outgoing, flags: PublishFlags): Promise<Answer> {
  const backoff = new Backoff(200)
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        body: new Uint8Array(Buffer.from(outgoing.body)),
        headers: {
          'content-type': outgoing.type,
          'idempotency-key': outgoing.key,
          accept: 'application/json',
          ...(flags.ttl === undefined ? {} : { ttl: flags.ttl }),
        },
      })
      const text = await response.text()
      if (response.ok) {
        const { subscribers } = JSON.parse(text) as { subscribers: number }
        return { id: response.headers.get('fanfare-id') ?? '?', subscribers }
      }
      if (response.status < 500 || attempt === ATTEMPTS) {
        throw new UsageError(`${url.href} answered ${response.status}: ${errorMessage(text)}`)
      }
    } catch (error) {
      if (error instanceof UsageError) throw error
      if (attempt === ATTEMPTS) {
        throw new UsageError(`${url.href} cannot be reached: ${reasonOf(error)}`)
      }
    }
    await sleep(backoff.next())
  }
}

function errorMessage(text: string): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message
  } catch {
    return text.trim().slice(0, 500)
  }
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
  if (/^\s*[[{]/.test(text)) {
    try {
      JSON.parse(text)
      return 'application/json'
    } catch {
      // Text that only begins like JSON.
    }
  }
  return 'text/plain; charset=utf-8'
}
