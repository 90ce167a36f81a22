import pc from 'picocolors'
import { trustAuthority } from '../client/authorities.ts'
import { follow } from '../client/follow.ts'
import { type Received, RefusedError } from '../client/source.ts'
import type { WatchFlags } from './flags.ts'
import { printable } from './printable.ts'
import { targetUrl, UsageError, withKey } from './target.ts'

/**
 * Shows messages until Ctrl-C, or until `--count` of them came.
 * @returns the exit code
 */
export async function watch(target: string, flags: WatchFlags): Promise<number> {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  process.once('SIGTERM', () => stop.abort())
  // A reader such as `head` that has had enough.
  process.stdout.on('error', () => stop.abort())
  try {
    if (flags.ca !== undefined) await trustAuthority(flags.ca)
    const url = withKey(targetUrl(target, flags.server, 'events'), flags.accessKey)
    await show(url, flags, stop)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof RefusedError)) throw error
    console.error(`fanfare: ${printable(error.message)}`)
    return 1
  }
}

async function show(url: URL, flags: WatchFlags, stop: AbortController): Promise<void> {
  const last = wholeNumber(flags.last, '--last')
  if (last !== undefined && flags.since !== undefined) {
    throw new UsageError('--since and --last both say where to start; give one of them')
  }
  let left = wholeNumber(flags.count, '--count') ?? Number.POSITIVE_INFINITY
  const options = {
    signal: stop.signal,
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(last === undefined ? {} : { last }),
  }
  const { dim, yellow } = palette(process.stderr)
  for await (const event of follow(url, options)) {
    if (event.kind === 'message') {
      console.log(flags.json ? safeJson(event.json) : line(event))
      if (--left <= 0) stop.abort()
    } else if (event.kind === 'gap') {
      const { from, to } = event
      console.error(yellow(printable(`some messages between ${from} and ${to} are gone`)))
      if (flags.json) console.log(safeJson(JSON.stringify({ gap: { from, to } })))
    } else if (event.kind === 'caught-up') {
      continue
    } else if (process.stderr.isTTY || event.kind === 'lost') {
      const what = event.kind === 'connected' ? 'listening to' : 'connection lost:'
      console.error(dim(printable(`${what} ${event.detail}`)))
    }
    if (stop.signal.aborted) return
  }
}

/** Time, channel, and the body on the rest of the line. */
function line(message: Received): string {
  const { dim, cyan } = palette(process.stdout)
  const time = new Date(message.time ?? Date.now()).toTimeString().slice(0, 8)
  const channel = cyan(printable(message.channel).replace(/\s+/g, ' '))
  const body = printable(message.body)
  if (message.encoding !== 'base64') return `${dim(time)} ${channel} ${body}`
  const bytes = Buffer.byteLength(message.body, 'base64')
  return `${dim(time)} ${channel} ${dim(`${bytes} bytes, not text: ${body.slice(0, 60)}`)}`
}

/** Colours where a person looks: picocolors by itself would also colour a file that CI writes. */
function palette(stream: { readonly isTTY?: boolean }): ReturnType<typeof pc.createColors> {
  // `isTTY` is undefined where it is no terminal, and that would mean the default.
  return pc.createColors(stream.isTTY === true && pc.isColorSupported)
}

/** The same JSON on one line, with the control characters escaped that JSON would allow. */
function safeJson(json: string): string {
  return json
    .replace(/[\r\n]+/g, ' ')
    .replace(/[\u007f-\u009f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function wholeNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text) || text === '0') {
    throw new UsageError(`${option} takes a whole number from 1`)
  }
  return Number(text)
}
