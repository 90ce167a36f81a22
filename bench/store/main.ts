/** The file store alone, without a server: what one core does with 200-byte messages. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { channelFromText, type ChannelName } from '../../src/model/channel.ts'
import { BEFORE_ALL } from '../../src/model/id.ts'
import type { Draft } from '../../src/model/message.ts'
import { Selectors } from '../../src/model/selector.ts'
import { FileStore } from '../../src/stores/file/file-store.ts'
import { type FileOptions, UNBOUNDED } from '../../src/stores/file/options.ts'

const HELP = `npm run build && node scripts/bench-store.mjs [--folder DIR] [--messages N] [--large N]

Appends with durability interval and always, recovery, replay: messages of 200 bytes in 100 channels.
--folder    where the logs are made (and deleted); by default the current folder
--messages  to append and to replay (1000000)
--large     messages in the log that is recovered (4200000, about 1 GB)`

/** Appends under way at once with `interval`, as publishers that pipeline have them. */
const WINDOW = 4_096
const BODY = 200

interface Usage {
  readonly seconds: number
  /** User and system, in µs. */
  readonly cpu: number
}

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.' },
    messages: { type: 'string', default: '1000000' },
    large: { type: 'string', default: '4200000' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else await main(values.folder, Number(values.messages), Number(values.large))

async function main(parent: string, messages: number, large: number): Promise<void> {
  const folder = mkdtempSync(join(parent, 'bench-store-'))
  try {
    await appends('interval', join(folder, 'interval'), messages, WINDOW)
    await appends('always', join(folder, 'always'), Math.ceil(messages / 4), 64)
    await replay(join(folder, 'interval'), messages)
    if (large > 0) await recovery(join(folder, 'large'), large)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function open(folder: string, options: Partial<FileOptions> = {}): FileStore {
  return new FileStore(folder, { ...UNBOUNDED, report: console.error, ...options })
}

async function appends(
  durability: FileOptions['durability'],
  folder: string,
  count: number,
  window: number,
): Promise<void> {
  const store = open(folder, { durability })
  let announced = 0
  store.watch({ appended: () => void announced++, removed: () => {} })
  await fill(store, Math.ceil(count / 10), window)
  const usage = await measured(() => fill(store, count, window))
  await store.close()
  if (announced < count) throw new Error(`${announced} of ${count} were announced`)
  say(`append, ${durability}, ${window} under way`, count, usage)
}

/** Keeps `window` appends under way, each publisher waiting for its own answer. */
async function fill(store: FileStore, count: number, window: number): Promise<void> {
  const drafts = channelNames().map((channel): Draft => {
    return { channel, body: Buffer.alloc(BODY, 'x'), contentType: 'text/plain' }
  })
  let next = 0
  const publisher = async (): Promise<void> => {
    while (next < count) await store.append(drafts[next++ % drafts.length] as Draft)
  }
  await Promise.all(Array.from({ length: window }, publisher))
}

function channelNames(): ChannelName[] {
  return Array.from({ length: 100 }, (_, n) => channelFromText(`channel/${n}`) as ChannelName)
}

async function replay(folder: string, count: number): Promise<void> {
  const store = open(folder)
  for (const [what, selectors] of [
    ['everything', new Selectors([], [''])],
    ['one channel of 100', Selectors.channel(channelFromText('channel/7') as ChannelName)],
  ] as const) {
    let after = BEFORE_ALL
    let seen = 0
    let bytes = 0
    const usage = await measured(async () => {
      while (after < store.head && seen < count) {
        const page = await store.read({ selectors, after, limit: 512, bytes: 65_536 })
        after = page.upTo
        seen += page.messages.length
        for (const { body } of page.messages) bytes += body.length
      }
    })
    if (bytes !== seen * BODY) throw new Error('what was read is not what was written')
    say(`replay, ${what}`, seen, usage)
  }
  await store.close()
}

async function recovery(folder: string, count: number): Promise<void> {
  let store = open(folder)
  await fill(store, count, WINDOW)
  await store.close()
  const files = readdirSync(folder)
  const size = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  const logs = files.filter((name) => name.endsWith('.log'))
  const bytes = logs.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  console.log(`log of ${mb(bytes)} in ${logs.length} files, with its indexes ${mb(size)}`)
  const before = process.memoryUsage.rss()
  const usage = await measured(() => (store = open(folder)))
  say('recovery by indexes', count, usage)
  console.log(
    `  memory: ${((process.memoryUsage.rss() - before) / count).toFixed(0)} bytes a message`,
  )
  await store.close()
  for (const name of files) if (name.endsWith('.idx')) rmSync(join(folder, name))
  say('recovery without indexes', count, await measured(() => (store = open(folder))))
  await store.close()
}

async function measured(work: () => unknown): Promise<Usage> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpu: user + system }
}

function say(what: string, count: number, { seconds, cpu }: Usage): void {
  const rate = Math.round(count / seconds).toLocaleString('en')
  const each = (cpu / count).toFixed(2)
  console.log(
    `${what}: ${count} in ${seconds.toFixed(2)} s = ${rate}/s; CPU ${each} µs each (user + system)`,
  )
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}
