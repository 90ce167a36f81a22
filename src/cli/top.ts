import { setTimeout as delay } from 'node:timers/promises'
import { trustAuthority } from '../client/authorities.ts'
import { colors } from './config.ts'
import type { TopFlags } from './flags.ts'
import { printable } from './printable.ts'
import { managementKeyGiven, UsageError } from './target.ts'
import { nodesOf, snapshots, TopRefused, type TopTarget, topTarget } from './top-source.ts'
import { type TopFrame, topLines } from './top-view.ts'

/** Where a management port with the defaults is found. */
const DEFAULT_URL = 'http://127.0.0.1:8181'
/** Of what is no terminal, or does not know. */
const COLUMNS = 80
const ROWS = 24
/** ms until a server that was there is looked for again. */
const AGAIN = 1_000
/** Snapshots come that often, in seconds. */
const TICK = 1

/** Another screen, without a cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
/** q, Q, and in raw mode Ctrl-C and Ctrl-D, which are keys there, too. */
const QUITS: ReadonlySet<number> = new Set([0x71, 0x51, 0x03, 0x04])
/** What is between these is shown at once, by terminals that know them. */
const BEGIN_FRAME = '\u001b[?2026h\u001b[H'
const END_FRAME = '\u001b[J\u001b[?2026l'
const END_LINE = '\u001b[K'

/**
 * Shows how a server is, until `q`.
 * @returns the exit code: 1 when there is no server, or it refuses
 */
export async function top(url: string | undefined, flags: TopFlags): Promise<number> {
  const ended = new AbortController()
  try {
    if (flags.ca !== undefined) await trustAuthority(flags.ca)
    const key = managementKeyGiven(flags)
    const target = topTarget(url ?? process.env['FANFARE_MANAGEMENT_URL'] ?? DEFAULT_URL, key)
    const every = readInterval(flags.interval)
    if (flags.json) await printAll(target, every, flags.once === true, ended)
    else if (flags.once || !process.stdout.isTTY) await printOnce(target, ended)
    else await show(target, every, ended)
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(`fanfare: ${printable(error.message)}`)
    return 1
  } finally {
    ended.abort()
  }
}

/** Whole seconds: the server tells how it is once in one. */
function readInterval(text: string): number {
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3600) {
    throw new UsageError('--interval is a number of seconds, from 1 to 3600')
  }
  return seconds
}

/** Frames as they are due. */
async function* frames(
  target: TopTarget,
  every: number,
  signal: AbortSignal,
): AsyncGenerator<TopFrame> {
  let passed = every
  for await (const snapshot of snapshots(target, signal)) {
    if ((passed += TICK) <= every) continue
    passed = TICK
    yield { where: target.base.replace(/^\w+:\/\//, ''), snapshot, nodes: await nodesOf(target) }
  }
}

async function printAll(
  target: TopTarget,
  every: number,
  once: boolean,
  ended: AbortController,
): Promise<void> {
  for await (const { snapshot, nodes } of frames(target, every, ended.signal)) {
    console.log(JSON.stringify({ ...snapshot, nodes }))
    if (once) return
  }
}

async function printOnce(target: TopTarget, ended: AbortController): Promise<void> {
  for await (const frame of frames(target, 1, ended.signal)) {
    const columns = process.stdout.columns || COLUMNS
    console.log(topLines(frame, { columns, color: false }).join('\n'))
    return
  }
}

/** Draws until somebody has seen enough; a server that goes away is looked for again. */
async function show(target: TopTarget, every: number, ended: AbortController): Promise<void> {
  const screen = new Screen(() => ended.abort())
  let seen = false
  try {
    while (!ended.signal.aborted) {
      try {
        for await (const frame of frames(target, every, ended.signal)) {
          seen = true
          screen.draw(frame)
        }
      } catch (error) {
        if (ended.signal.aborted) return
        if (!seen || error instanceof TopRefused || !(error instanceof Error)) throw error
        screen.say(`${error.message} Trying again …`)
        await delay(AGAIN, undefined, { signal: ended.signal }).catch(() => {})
      }
    }
  } finally {
    screen.leave()
  }
}

/** A terminal that is drawn on, and is as it was afterwards, however this ends. */
class Screen {
  readonly #quit: () => void
  #entered = false
  #frame: TopFrame | undefined
  #words = ''

  constructor(quit: () => void) {
    this.#quit = quit
    // Signals, too: a terminal without a cursor is what nobody wants to be left with.
    process.on('exit', this.leave)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, quit)
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true)
      process.stdin.on('data', this.#pressed).resume()
    }
    process.stdout.on('resize', this.#redraw)
  }

  draw(frame: TopFrame): void {
    this.#frame = frame
    this.#words = ''
    this.#redraw()
  }

  /** Says something in the last line, below what was drawn last. */
  say(words: string): void {
    this.#words = words
    this.#redraw()
  }

  readonly leave = (): void => {
    process.off('exit', this.leave)
    process.stdout.off('resize', this.#redraw)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#pressed).pause()
      process.stdin.setRawMode(false)
    }
    if (this.#entered) process.stdout.write(LEAVE)
    this.#entered = false
  }

  readonly #redraw = (): void => {
    if (!this.#frame) return
    // A terminal may not know how large it is, and says 0.
    const columns = process.stdout.columns || COLUMNS
    const rows = process.stdout.rows || ROWS
    const size = { columns, rows: Math.max(1, rows - 1), color: colors() }
    const lines = topLines(this.#frame, size).map((line) => `${line}${END_LINE}`)
    const last = (this.#words || 'q quits').slice(0, columns - 1)
    // One write: nothing is seen half drawn.
    const before = this.#entered ? '' : ENTER
    this.#entered = true
    process.stdout.write(
      `${before}${BEGIN_FRAME}${[...lines, `${printable(last)}${END_LINE}`].join('\r\n')}${END_FRAME}`,
    )
  }

  readonly #pressed = (keys: Buffer): void => {
    if (keys.some((key) => QUITS.has(key))) this.#quit()
  }
}
