import { existsSync } from 'node:fs'
import { resolve as absolute } from 'node:path'
import { trustAuthority } from '../client/authorities.ts'
import { RefusedError, type Received } from '../client/source.ts'
import type { ListenFlags } from './flags.ts'
import { claim, findDaemon, Log, release, startDaemon, stopDaemon } from './listen-daemon.ts'
import { type ListenConfig, listenFiles, type ListenFiles, readConfig } from './listen-files.ts'
import { Listening } from './listen-follow.ts'
import type { Notification } from './listen-notification.ts'
import { Notifier } from './listen-notifier.ts'
import { printable } from './printable.ts'
import { keyGiven, UsageError } from './target.ts'

const DEFAULT_PORT = 6380
/** Lines that `log` shows. */
const LOG_LINES = 100

export type ListenAction = 'start' | 'stop' | 'status' | 'reconfigure' | 'log'

/**
 * The desktop listener.
 * @returns the exit code
 */
export async function listen(
  action: ListenAction | undefined,
  flags: ListenFlags,
): Promise<number> {
  const files = listenFiles(flags.config)
  try {
    if (flags.ca !== undefined) {
      await trustAuthority(flags.ca)
      // For the process that `start` starts.
      process.env['FANFARE_CA'] = absolute(flags.ca)
    }
    // Likewise: unlike its arguments, its environment is for nobody else to see.
    if (flags.accessKey !== undefined) process.env['FANFARE_KEY'] = flags.accessKey
    return await (action === undefined ? run(files, flags) : ACTIONS[action](files))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (flags.child) await answer(message)
    // What the system refuses, such as a folder that cannot be written, is the user's to see to.
    const known = error instanceof UsageError || error instanceof RefusedError || code !== undefined
    if (!known) throw error
    console.error(`fanfare: ${printable(message)}`)
    return 1
  }
}

const ACTIONS: Readonly<Record<ListenAction, (files: ListenFiles) => number | Promise<number>>> = {
  start,
  stop,
  status,
  reconfigure,
  log,
}

async function start(files: ListenFiles): Promise<number> {
  const running = findDaemon(files.pid)
  if (running) throw new UsageError(`a listener runs already, as process ${running.pid}`)
  const { channels } = await configOf(files)
  const pid = await startDaemon(files.config)
  console.log(`Listening to ${printable(channels.join(', '))} as process ${pid}`)
  return 0
}

async function stop(files: ListenFiles): Promise<number> {
  const ran = await stopDaemon(files.pid)
  console.log(ran ? 'The listener has stopped' : 'No listener runs')
  return 0
}

function log(files: ListenFiles): number {
  for (const line of new Log(files.log).tail(LOG_LINES)) console.log(line)
  return 0
}

function status(files: ListenFiles): number {
  const running = findDaemon(files.pid)
  if (!running) {
    console.log('No listener runs')
    return 1
  }
  console.log(`A listener runs, as process ${running.pid}`)
  const [last] = new Log(files.log).tail(1)
  if (last !== undefined) console.log(last)
  return 0
}

async function reconfigure(files: ListenFiles): Promise<number> {
  const { configure } = await import('./listen-prompts.ts')
  const exists = existsSync(files.config)
  await configure(files.config, exists ? readConfig(files.config, DEFAULT_PORT) : undefined)
  if (!(await stopDaemon(files.pid))) return 0
  return start(files)
}

/** What is configured; on the first run, what the user says. A key that is given goes before the file's. */
async function configOf(files: ListenFiles): Promise<ListenConfig> {
  const config = existsSync(files.config)
    ? readConfig(files.config, DEFAULT_PORT)
    : await (await import('./listen-prompts.ts')).configure(files.config)
  return { ...config, auth: keyGiven(undefined) ?? config.auth }
}

/** Listens until it is told to stop. */
async function run(files: ListenFiles, flags: ListenFlags): Promise<number> {
  const config = await configOf(files)
  claim(files.pid)
  const told = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => told.abort())
  process.stdout.on('error', () => told.abort())
  const { note, message } = flags.child ? toLog(files) : toTerminal()
  const notifier = new Notifier(note)
  const show = flags.print ? undefined : (one: Notification): void => notifier.show(one)
  try {
    if (flags.child) {
      process.on('SIGHUP', () => {})
      await answer('ready')
      note('started')
    }
    await new Listening(config, files.state, { show, message, note }).run(told.signal)
    if (flags.child) note('stopped')
    return 0
  } catch (error) {
    if (flags.child && error instanceof RefusedError) note(`stopped: ${error.message}`)
    throw error
  } finally {
    notifier.close()
    release(files.pid)
  }
}

interface Lines {
  readonly note: (text: string) => void
  readonly message: (message: Received) => void
}

function toTerminal(): Lines {
  return {
    note: (text) => console.error(printable(text)),
    message: ({ channel, body, time }) => {
      const at = new Date(time ?? Date.now()).toTimeString().slice(0, 8)
      console.log(printable(`${at} ${channel.replace(/\s+/g, ' ')} ${body}`))
    },
  }
}

function toLog(files: ListenFiles): Lines {
  const lines = new Log(files.log)
  return {
    note: (text) => lines.line(text),
    message: ({ channel, body }) => lines.line(`${channel}: ${body.slice(0, 500)}`),
  }
}

/** Tells the process that started this one. */
async function answer(text: string): Promise<void> {
  if (!process.connected) return
  await new Promise<void>((resolve) => process.send?.(text, undefined, undefined, () => resolve()))
  process.disconnect()
}
