import pc from 'picocolors'
import { follow } from '../client/follow.ts'
import { type Received, RefusedError } from '../client/source.ts'
import type { WatchFlags } from './flags.ts'
import { targetUrl, UsageError } from './target.ts'

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
    const url = targetUrl(target, flags.server, 'events')
    await show(url, flags, stop)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof RefusedError)) throw error
    console.error(`fanfare: ${error.message}`)
    return 1
  }
}

async function show(url: URL, flags: WatchFlags, stop: AbortController): Promise<void> {
  const last = wholeNumber(flags.last, '--last')
  let left = wholeNumber(flags.count, '--count') ?? Number.POSITIVE_INFINITY
  const options = {
    signal: stop.signal,
    ...(flags.since === undefined ? {} : { since: flags.since }),
    ...(last === undefined ? {} : { last }),
  }
  for await (const event of follow(url, options)) {
    if (event.kind === 'message') {
      console.log(flags.json ? event.json : line(event))
      if (--left <= 0) stop.abort()
    } else if (event.kind === 'gap') {
      console.error(pc.yellow(`some messages between ${event.from} and ${event.to} are gone`))
      if (flags.json) console.log(JSON.stringify({ gap: { from: event.from, to: event.to } }))
    } else if (process.stderr.isTTY || event.kind === 'lost') {
      const what = event.kind === 'connected' ? 'listening to' : 'connection lost:'
      console.error(pc.dim(`${what} ${event.detail}`))
    }
    if (stop.signal.aborted) return
  }
}

/** Time, channel, and the body on the rest of the line. */
function line(message: Received): string {
  const time = new Date(message.time ?? Date.now()).toTimeString().slice(0, 8)
  const body =
    message.encoding === 'base64'
      ? pc.dim(
          `${Math.floor((message.body.length * 3) / 4)} bytes, not text: ${message.body.slice(0, 60)}`,
        )
      : printable(message.body)
  return `${pc.dim(time)} ${pc.cyan(printable(message.channel))} ${body}`
}

/** What a message may do to a terminal: show text and break lines, no more. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}')
}

function wholeNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text) || text === '0') {
    throw new UsageError(`${option} takes a whole number from 1`)
  }
  return Number(text)
}
