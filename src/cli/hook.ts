import { createInterface } from 'node:readline'
import { trustAuthority } from '../client/authorities.ts'
import { textToBytes } from '../model/channel.ts'
import { type EventOptions, eventsOf } from '../repository/events.ts'
import { Git } from '../repository/git.ts'
import { parseRefChange, refChange, type RefChange } from '../repository/refs.ts'
import { Sender } from './hook-sender.ts'
import { type HookFlags, type HookSettings, hookSettings, reasonFor } from './hook-settings.ts'
import { MAX_SPOOL, Spool, type Taken } from './hook-spool.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

/** All of it together, from the start of the program, in ms: a push waits for its hook. */
const DEFAULT_TIMEOUT = 2_000
/** By hand there is time, in ms. */
const FLUSH_TIMEOUT = 60_000
/** Past the time, what still runs (a folder on a dead server) is given up, in ms. */
const GRACE = 1_000

/**
 * Announces a push. A push never fails for it, and waits for it no longer than the timeout and a
 * second: whatever goes wrong is one line on standard error, which git shows to who pushed.
 * @param args `old new ref`, or nothing: then lines of those are on standard input
 * @returns 0
 */
export async function postReceive(args: readonly string[], flags: HookFlags): Promise<number> {
  process.stderr.on('error', () => {})
  try {
    if (flags.ca !== undefined) await trustAuthority(flags.ca).catch(sayWhy)
    const changes = await readChanges(args)
    const git = new Git()
    const until = DEFAULT_TIMEOUT
    const settings = await hookSettings(git, flags, { defaultTimeout: DEFAULT_TIMEOUT, until })
    setTimeout(
      () => {
        say('took too long; the push may not have been announced')
        process.exit(0)
      },
      settings.timeout - performance.now() + GRACE,
    ).unref()
    settings.mistakes.forEach(say)
    await announce(git, changes, settings)
  } catch (error) {
    say(`the push was not announced: ${reasonFor(error)}`)
  }
  return 0
}

/**
 * Sends by hand what earlier pushes could not.
 * @returns the exit code: 0 when nothing is left
 */
export async function flush(flags: HookFlags): Promise<number> {
  try {
    if (flags.ca !== undefined) await trustAuthority(flags.ca)
    const settings = await hookSettings(new Git(), flags, { defaultTimeout: FLUSH_TIMEOUT })
    const { timeout } = settings
    settings.mistakes.forEach(say)
    const spool = new Spool(settings.spool)
    const taken = await spool.take(timeout)
    const sender = new Sender(settings.url, performance.now() + timeout, settings.accessKey)
    const unsent = await sender.send(taken.lines)
    const dropped = await spool.settle(taken, unsent)
    await tellRejected(spool, sender)
    console.log(`${countOf(sender.sent)} sent${unsent.length > 0 ? `, ${unsent.length} left` : ''}`)
    if (sender.failure !== undefined) say(sender.failure)
    tellDropped(dropped)
    return unsent.length > 0 ? 1 : 0
  } catch (error) {
    say(reasonFor(error))
    return 1
  }
}

/** What goes on all the same: events that cannot be sent are kept. */
function sayWhy(error: unknown): void {
  say(reasonFor(error))
}

async function announce(
  git: Git,
  changes: readonly RefChange[],
  settings: HookSettings,
): Promise<void> {
  const until = settings.timeout
  // Git reads while what is left of earlier pushes goes out.
  const reading = readEvents(git, changes, settings)
  const spool = new Spool(settings.spool)
  const taken = await spool.take(Math.max(0, until - performance.now())).catch((error: unknown) => {
    say(`cannot read ${settings.spool}: ${reasonFor(error)}`)
    return { lines: [], files: [] } satisfies Taken
  })
  const sender = new Sender(settings.url, until, settings.accessKey)
  const before = await sender.send(taken.lines)
  const { events, problem } = await reading
  const after = await sender.send(events)
  if (problem !== undefined) say(`not everything could be read: ${reasonFor(problem)}`)
  await keep(settings, spool, { taken, before, after }, sender)
}

/** Puts what was not sent into the spool, and says so. */
async function keep(
  { spool: path }: HookSettings,
  spool: Spool,
  { taken, before, after }: Record<'before' | 'after', readonly string[]> & { taken: Taken },
  sender: Sender,
): Promise<void> {
  const unsent = before.length + after.length
  try {
    tellDropped(await spool.settle(taken, before, after))
    if (unsent > 0) {
      say(`${sender.failure}; ${countOf(unsent)} kept in ${path} for the next push`)
    }
    await tellRejected(spool, sender)
  } catch (error) {
    const why = sender.failure === undefined ? '' : `${sender.failure}; `
    say(`${why}${countOf(unsent)} lost, as ${path} cannot be written: ${reasonFor(error)}`)
  }
}

interface Read {
  readonly events: readonly string[]
  readonly problem: unknown
}

/** All events of a push, as many as the spool could hold. Never rejects. */
async function readEvents(
  git: Git,
  changes: readonly RefChange[],
  { project, timeout, maxCommits }: HookSettings,
): Promise<Read> {
  const events: string[] = []
  let problem: unknown
  const options: EventOptions = {
    ...(maxCommits === undefined ? {} : { maxCommits }),
    // All of the time: what is read can be sent later, what is not read is lost.
    timeout: Math.max(0, timeout - performance.now()),
    onProblem: (error) => (problem ??= error),
  }
  try {
    let size = 0
    for await (const event of eventsOf({ git, project }, changes, options)) {
      size += event.length
      if (size > MAX_SPOOL) {
        problem ??= new UsageError(`it is too much; the first ${countOf(events.length)} are sent`)
        break
      }
      events.push(event)
    }
  } catch (error) {
    problem ??= error
  }
  return { events, problem }
}

async function readChanges(args: readonly string[]): Promise<RefChange[]> {
  if (args.length > 0) {
    const [old = '', target = '', ref = ''] = args
    const change = refChange(old, target, textToBytes(ref))
    if (!change || args.length > 3) throw new UsageError('expected: old new ref')
    return [change]
  }
  if (process.stdin.isTTY) say('reads lines of "old new ref", as git gives them to a hook')
  const changes: RefChange[] = []
  process.stdin.setEncoding('latin1')
  for await (const line of createInterface({ input: process.stdin })) {
    const change = parseRefChange(line)
    if (change) changes.push(change)
    else if (line.trim() !== '') say(`not a change of a ref: ${line.slice(0, 200)}`)
  }
  return changes
}

async function tellRejected(spool: Spool, { rejected }: Sender): Promise<void> {
  if (rejected.length === 0) return
  const path = await spool.reject(rejected)
  say(`the server refused ${countOf(rejected.length)}; see ${path}`)
}

function tellDropped(dropped: number): void {
  if (dropped > 0) say(`the spool is full: the oldest ${countOf(dropped)} dropped`)
}

function countOf(events: number): string {
  return `${events} ${events === 1 ? 'event' : 'events'}`
}

function say(words: string): void {
  console.error(`fanfare: ${printable(words).replaceAll('\n', ' ')}`)
}
