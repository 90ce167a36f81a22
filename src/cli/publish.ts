import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { trustAuthority } from '../client/authorities.ts'
import { Backoff } from '../client/backoff.ts'
import { shown } from '../client/http.ts'
import {
  type Answer,
  isUnsent,
  type Outgoing,
  type Publisher,
  type PublishProtocol,
  protocolOf,
} from '../client/publisher.ts'
import { AnsweredError, reasonOf, RefusedError } from '../client/source.ts'
import type { PublishFlags } from './flags.ts'
import { LineBatches } from './line-batches.ts'
import { printable } from './printable.ts'
import { targetUrl, UsageError, withKey } from './target.ts'

/** Attempts at the same messages while no answer comes. */
const ATTEMPTS = 4

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
    if (flags.ca !== undefined) await trustAuthority(flags.ca)
    const url = withKey(targetUrl(target, flags.server, 'publisher'), flags.accessKey)
    const protocol = await protocolOf(url)
    for (const option of ['type', 'key', 'ttl'] as const) {
      if (flags[option] === undefined || protocol.carries.includes(option)) continue
      throw new UsageError(`${url.protocol} URLs have no --${option}`)
    }
    if (flags.lines && message !== undefined) {
      throw new UsageError('--lines reads standard input; leave the message out')
    }
    const sender = new Sender(url, protocol)
    if (flags.lines) await publishLines(sender, flags)
    else {
      const body = message === undefined ? await standardInput() : Buffer.from(message)
      const key = flags.key ?? randomUUID()
      const answer = await sender.send([{ body, type: flags.type, key, ttl: flags.ttl }])
      await sender.close()
      console.log(wordsOf(answer))
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof RefusedError)) throw error
    console.error(`fanfare: ${printable(error.message)}`)
    return 1
  }
}

/**
 * Each line has a key by its number, so that the whole run can be repeated however its lines were
 * put together into requests.
 */
async function publishLines(
  sender: Sender,
  { key: given, type, ttl }: PublishFlags,
): Promise<void> {
  const key = given ?? randomUUID()
  let count = 0
  let last: Answer | undefined
  for await (const lines of new LineBatches(process.stdin)) {
    const messages = lines.map((line, n) => {
      return { body: Buffer.from(line), type, key: `${key}-${count + n}`, ttl }
    })
    last = await sender.send(messages)
    count += lines.length
    if (process.stderr.isTTY) process.stderr.write(`\r${count} published`)
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  if (!last) throw new UsageError('standard input had no line to publish')
  await sender.close()
  console.log(`${wordsOf(last)}, ${count} published`)
}

/** Sends messages until there is an answer, where a repetition cannot double them. */
class Sender {
  readonly #url: URL
  readonly #protocol: PublishProtocol
  #publisher: Publisher | undefined

  constructor(url: URL, protocol: PublishProtocol) {
    this.#url = url
    this.#protocol = protocol
  }

  async send(messages: readonly Outgoing[]): Promise<Answer> {
    const backoff = new Backoff(200)
    for (let attempt = 1; ; attempt++) {
      try {
        this.#publisher ??= await this.#protocol.open(this.#url)
        return await this.#publisher.publish(messages)
      } catch (error) {
        const publisher = this.#publisher
        this.#publisher = undefined
        await publisher?.close().catch(() => {})
        if (error instanceof RefusedError) throw error
        const again = this.#protocol.repeats || isUnsent(error)
        if (!again || attempt === ATTEMPTS) throw this.#failure(error)
      }
      await sleep(backoff.next())
    }
  }

  async close(): Promise<void> {
    try {
      await this.#publisher?.close()
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): UsageError {
    if (error instanceof AnsweredError) return new UsageError(error.message)
    return new UsageError(`${shown(this.#url)} cannot be reached: ${reasonOf(error)}`)
  }
}

function wordsOf({ id, receivers }: Answer): string {
  return receivers === undefined ? id : `${id}  ${receivers} listening`
}

async function standardInput(): Promise<Buffer> {
  if (process.stdin.isTTY) console.error('Type the message, and end it with Ctrl-D.')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
