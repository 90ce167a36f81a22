import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { bytesToText, channelFromText } from '../model/channel.ts'
import { draftOf, envelopeOf } from '../model/envelope.ts'
import { FanfareError } from '../model/errors.ts'
import {
  before,
  BEFORE_ALL,
  formatId,
  idBeforeTime,
  idSecond,
  type MessageId,
  parseId,
} from '../model/id.ts'
import type { Draft, Message } from '../model/message.ts'
import { Selectors } from '../model/selector.ts'
import { FileStore } from '../stores/file/file-store.ts'
import { UNBOUNDED } from '../stores/file/options.ts'
import {
  badIndexes,
  largestChannels,
  type LogView,
  messagesOf,
  summaryOf,
  viewLog,
} from '../stores/file/tools.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

/** Channels that are listed. */
const CHANNELS_SHOWN = 10
/** Appends under way while importing. */
const WINDOW = 1_000
/** Between two words on how far it is, in ms. */
const PROGRESS = 2_000

export interface ExportFlags {
  readonly channel?: string
  readonly since?: string
}

/** Says what is in a log. @returns the exit code */
export async function inspect(folder: string): Promise<number> {
  return told(() => {
    const view = viewLog(folder)
    const { catalog, holder } = view
    const files = catalog.segments.map((segment) => summaryOf(view, segment))
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    const { total } = catalog.channels(0, 0)
    console.log(`${folder}: ${files.length} files, ${bytes} bytes`)
    console.log(
      `${catalog.count} messages in ${total} channels; the newest id is ${formatId(catalog.head)}`,
    )
    console.log(
      holder
        ? `open in process ${holder.pid} on ${holder.host} since ${holder.since}`
        : 'not open in any process',
    )
    console.log(
      '\nfile            bytes  messages  first id             last id              begun',
    )
    for (const { path, bytes: size, messages, first, last, made, indexed } of files) {
      const name = path.slice(-12).padEnd(12)
      const ids = [first, last].map((id) => (id === undefined ? '-' : formatId(id)).padEnd(20))
      const begun = made === undefined ? 'header damaged' : new Date(made).toISOString()
      const rest = indexed ? '' : '  no index'
      console.log(
        `${name} ${String(size).padStart(8)}  ${String(messages).padStart(8)}  ${ids.join(' ')} ${begun}${rest}`,
      )
    }
    const largest = largestChannels(view, CHANNELS_SHOWN)
    if (largest.length > 0) console.log('\n   bytes  messages  last id              channel')
    for (const { bytes: size, count, last, name } of largest) {
      const id = (last === undefined ? '-' : formatId(last)).padEnd(20)
      const numbers = `${String(size).padStart(8)}  ${String(count).padStart(8)}`
      console.log(`${numbers}  ${id} ${printable(bytesToText(name))}`)
    }
    for (const { text } of view.findings) console.log(`\n${text}`)
    return 0
  })
}

/** Reads every record of a log. @returns the exit code: 1 when something is damaged */
export async function verify(folder: string): Promise<number> {
  return told(() => {
    const view = viewLog(folder, true)
    const { catalog, findings, holder } = view
    for (const { text } of findings) console.log(text)
    const bad = badIndexes(view)
    for (const path of bad) {
      console.log(`${path}: not usable; the log is read instead, and it is written again`)
    }
    if (findings.some(({ damaged }) => !damaged) && holder) {
      console.log(`process ${holder.pid} is writing to it: what looks torn may just be on its way`)
    }
    const damaged = findings.some((finding) => finding.damaged)
    const messages = catalog.segments.reduce((sum, { count }) => sum + count, 0)
    const result = damaged ? 'DAMAGED' : 'fine'
    console.log(
      `${folder}: ${result}. ${messages} messages in ${catalog.segments.length} files read`,
    )
    return damaged ? 1 : 0
  })
}

/**
 * Writes messages as lines of JSON to standard output.
 * @returns the exit code: 1 when something is damaged and left out
 */
export async function exportLog(folder: string, flags: ExportFlags): Promise<number> {
  return told(async () => {
    const selectors = Selectors.parseText(flags.channel ?? '/')
    if (!selectors) throw new UsageError('a channel has 1 to 512 bytes')
    const view = viewLog(folder)
    for (const { text } of view.findings) console.error(text)
    const found = await printAll(view, selectors, sinceOf(flags.since))
    return found || view.findings.some(({ damaged }) => damaged) ? 1 : 0
  })
}

/** @returns whether anything damaged was left out */
async function printAll(view: LogView, selectors: Selectors, since: MessageId): Promise<boolean> {
  let damage = false
  const report = (text: string): void => {
    damage = true
    console.error(text)
  }
  const out = process.stdout
  const progress = new Progress('exported')
  for await (const message of messagesOf(view, selectors, since, report)) {
    progress.count++
    if (out.write(`${lineOf(message)}\n`)) continue
    await new Promise((resolve) => out.once('drain', resolve))
    progress.say()
  }
  return damage
}

/** The envelope, and when the message runs out. */
function lineOf(message: Message): string {
  const line = envelopeOf(message)
  if (message.expires === 0) return line
  return `${line.slice(0, -1)},"ttl":${(message.expires - message.time) / 1000}}`
}

function sinceOf(text: string | undefined): MessageId {
  if (text === undefined || text === 'all') return BEFORE_ALL
  const id = parseId(text) ?? (/^\d+$/.test(text) ? idBeforeTime(Number(text)) : undefined)
  if (id === undefined)
    throw new UsageError('--since is an id such as 1700000000-5, or a unix time')
  return id
}

interface Line {
  readonly draft: Draft
  readonly id: MessageId | undefined
  readonly time: number
}

/**
 * Appends lines as `exportLog` writes them, from a file or standard input. Ids and times stay as they are,
 * unless the log has later ones already. @returns the exit code
 */
export async function importLog(folder: string, file: string | undefined): Promise<number> {
  return told(async () => {
    const input = file === undefined ? process.stdin : createReadStream(file)
    const progress = new Progress('imported')
    const waiting: Promise<void>[] = []
    let store: FileStore | undefined
    let anew = 0
    let number = 0
    try {
      for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        number++
        if (text.trim() === '') continue
        const line = parseLine(text, number)
        store ??= openFor(folder, line)
        waiting.push(
          append(store, line).then((same) => {
            if (!same) anew++
          }),
        )
        progress.count++
        if (waiting.length < WINDOW) continue
        await Promise.all(waiting.splice(0))
        progress.say()
      }
      await Promise.all(waiting)
    } finally {
      await Promise.allSettled(waiting)
      await store?.close()
    }
    const others = anew === 0 ? '' : `; ${anew} got new ids, as the log has later ones`
    console.error(`${progress.count} messages imported${others}`)
    return 0
  })
}

function openFor(folder: string, { id }: Line): FileStore {
  const floor = id === undefined ? undefined : before(id)
  return new FileStore(folder, { ...UNBOUNDED, floor, report: console.error })
}

/** @returns whether it has the id that it had */
async function append(store: FileStore, { draft, id, time }: Line): Promise<boolean> {
  if (id === undefined) {
    await store.append(draft)
    return false
  }
  return (await store.restore(draft, id, time)).id === id
}

function parseLine(text: string, number: number): Line {
  try {
    const value: unknown = JSON.parse(text)
    const { id, channel, time } = (value ?? {}) as Record<string, unknown>
    const name = typeof channel === 'string' ? channelFromText(channel) : undefined
    if (name === undefined) throw new UsageError('`channel` is missing, or no name')
    const known = typeof id === 'string' ? parseId(id) : undefined
    if (id !== undefined && known === undefined) throw new UsageError('`id` is not one')
    const draft = draftOf(value, text, name, ['id', 'channel', 'time'])
    const stamped =
      typeof time === 'number' ? time : known === undefined ? 0 : idSecond(known) * 1000
    return { draft, id: known, time: stamped }
  } catch (error) {
    const known = error instanceof UsageError || error instanceof FanfareError
    if (!known && !(error instanceof SyntaxError)) throw error
    throw new UsageError(`line ${number}: ${error.message}`, { cause: error })
  }
}

/** Says now and then how far it is, where somebody may be waiting. */
class Progress {
  count = 0
  readonly #done: string
  #said = performance.now()

  constructor(done: string) {
    this.#done = done
  }

  say(): void {
    const now = performance.now()
    if (now - this.#said < PROGRESS) return
    this.#said = now
    console.error(`${this.count} messages ${this.#done} …`)
  }
}

/** What goes wrong is told in words. */
async function told(work: () => number | Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(`fanfare: ${printable(error.message)}`)
    return 1
  }
}
