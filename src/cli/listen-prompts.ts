import { createInterface, type Interface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { RedisConnection } from '../client/redis-connection.ts'
import { RefusedError, reasonOf } from '../client/source.ts'
import {
  foreignConfigs,
  isChannel,
  isHost,
  isPort,
  type ListenConfig,
  readConfig,
  writePrivate,
} from './listen-files.ts'
import { printable } from './printable.ts'
import { keyGiven, UsageError } from './target.ts'

const REDIS_DEFAULT = 6379
/** How long the server may take to say whether it wants a key, in ms. */
const PATIENCE = 3_000

/**
 * Asks on the terminal what the listener needs to know, and writes it.
 * @param before what there is, for a new configuration of it
 * @throws UsageError without a terminal, or when the user goes
 */
export async function configure(path: string, before?: ListenConfig): Promise<ListenConfig> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError(
      `there is no ${path}, and no terminal to ask on: run \`fanfare listen reconfigure\` on one, or write it: {"host": "localhost", "port": 6380, "channels": ["test"]}`,
    )
  }
  const questions = new Questions()
  try {
    const config =
      (before ? undefined : await imported(questions)) ?? (await asked(questions, before))
    await writePrivate(path, config)
    console.log(`Written to ${path}`)
    return config
  } finally {
    questions.close()
  }
}

async function imported(questions: Questions): Promise<ListenConfig | undefined> {
  for (const path of foreignConfigs()) {
    try {
      const { host, port, channels, auth } = readConfig(path, REDIS_DEFAULT)
      const what = printable(`${host}:${port}, ${channels.join(', ')}`)
      const answer = await questions.ask(`Import ${path} (${what})? [Y/n] `)
      if (/^(?:y|yes)?$/i.test(answer)) return { host, port, channels, auth }
    } catch (error) {
      if (error instanceof UsageError && error.message.startsWith(path)) {
        console.error(`Cannot import ${printable(error.message)}`)
      } else throw error
    }
  }
  return undefined
}

async function asked(questions: Questions, before?: ListenConfig): Promise<ListenConfig> {
  const host = await questions.valid(
    'host',
    before?.host ?? 'localhost',
    (text) => (isHost(text) ? text : undefined),
    'a name or an address',
  )
  const port = await questions.valid(
    'port',
    String(before?.port ?? 6380),
    (text) => (/^\d+$/.test(text) && isPort(Number(text)) ? Number(text) : undefined),
    'a number from 1 to 65535',
  )
  const channels = await questions.valid(
    'channels (comma separated)',
    before?.channels.join(', '),
    (text) => {
      const names = text.split(',').map((name) => name.trim())
      const found = [...new Set(names.filter((name) => name !== ''))]
      return found.length > 0 && found.every(isChannel) ? found : undefined
    },
    'names of channels, such as test, octocat/hello-world',
  )
  const others = { ...before, host, port, channels }
  // One that is given each time is not written down.
  const isGiven = keyGiven(undefined) !== undefined
  const wantsKey = !isGiven && (await mayWantKey({ ...others, auth: '' }))
  const kept = isGiven ? (before?.auth ?? '') : ''
  const auth = wantsKey ? await questions.secret('key (empty for none): ') : kept
  return { ...others, auth }
}

/** Whether the server asks for a key; when it cannot be asked, it may. */
async function mayWantKey({ host, port, tls }: ListenConfig): Promise<boolean> {
  const name = host.includes(':') ? `[${host}]` : host
  const url = new URL(`${tls ? 'rediss' : 'redis'}://${name}:${port}/`)
  try {
    const connection = await RedisConnection.open(url, AbortSignal.timeout(PATIENCE))
    try {
      await connection.isFanfare()
      return false
    } finally {
      connection.close()
    }
  } catch (error) {
    if (error instanceof RefusedError) return true
    console.error(`(${host}:${port} does not answer now: ${printable(reasonOf(error))})`)
    return true
  }
}

class Questions {
  readonly #lines: Interface
  readonly #gone = new AbortController()
  #muted = false

  constructor() {
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#muted) process.stdout.write(chunk)
        done()
      },
    })
    this.#lines = createInterface({ input: process.stdin, output, terminal: true })
    this.#lines.on('close', () => this.#gone.abort())
  }

  async ask(question: string): Promise<string> {
    process.stdout.write(question)
    try {
      return (await this.#lines.question('', { signal: this.#gone.signal })).trim()
    } catch {
      process.stdout.write('\n')
      throw new UsageError('nothing was written')
    }
  }

  /** Without showing what is typed. */
  async secret(question: string): Promise<string> {
    process.stdout.write(question)
    this.#muted = true
    try {
      return await this.ask('')
    } finally {
      this.#muted = false
      process.stdout.write('\n')
    }
  }

  /** Until the answer is one. @param usual what an empty answer stands for */
  async valid<T>(
    what: string,
    usual: string | undefined,
    read: (text: string) => T | undefined,
    words: string,
  ): Promise<T> {
    for (;;) {
      const answer = await this.ask(usual === undefined ? `${what}: ` : `${what} [${usual}]: `)
      const value = read(answer === '' && usual !== undefined ? usual : answer)
      if (value !== undefined) return value
      console.log(`That is ${words}.`)
    }
  }

  close(): void {
    this.#lines.close()
  }
}
