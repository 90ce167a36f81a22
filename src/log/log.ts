/** Events for whoever runs the server: one a line, with a name that stays. See docs/operations.md. */
import pino, { type Logger } from 'pino'
import { type LogConfig, logOf } from '../config/log.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { type About, type EventName, EVENTS } from '../model/events.ts'
import { prettyLine } from './pretty.ts'
import { Redactor } from './redact.ts'

/** ms in which `log.burst` counts. */
const WINDOW = 1_000
/** Characters of one text. */
const LONGEST = 8_000
const LONGEST_SECRET = 2_000

type Fields = Readonly<Record<string, unknown>>

/** Where lines go. */
export interface LogTarget {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

export interface LogOptions {
  /** What holds now: its level and burst, and the secrets that appear nowhere. */
  readonly config: () => ResolvedConfig
  readonly target: LogTarget
  /** Beside every event: which node this is of several, and which worker. */
  readonly base?: Fields
}

/** Events of one name in the window that began last. */
interface Burst {
  began: number
  told: number
  suppressed: number
}

export class Log {
  /** Whether it is written for people. */
  readonly pretty: boolean
  readonly #options: LogOptions
  readonly #pino: Logger
  readonly #bursts = new Map<EventName, Burst>()
  #timer: NodeJS.Timeout | undefined
  #redactor: Redactor | undefined
  /** The configuration that the redactor knows. */
  #known: ResolvedConfig | undefined

  constructor(options: LogOptions) {
    this.#options = options
    const { target, base = null } = options
    const { format } = this.#config
    const terminal = target.isTTY === true
    this.pretty = format === 'pretty' || (format === 'auto' && terminal)
    const write = this.pretty
      ? (line: string) => target.write(prettyLine(line, terminal && !process.env['NO_COLOR']))
      : (line: string) => target.write(line)
    this.#pino = pino(
      {
        level: 'debug',
        base,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
      },
      { write },
    )
  }

  /**
   * Tells an event.
   * @param words for people
   * @param fields for programs; secrets in them are not shown
   */
  tell(event: EventName, words: string, fields: Fields = {}): void {
    if (!this.#isTold(event)) return
    const now = performance.now()
    const burst = this.#bursts.get(event)
    if (!burst || now - burst.began >= WINDOW) {
      this.#bursts.set(event, { began: now, told: 1, suppressed: burst?.suppressed ?? 0 })
      this.#write(event, words, fields)
    } else if (burst.told < this.#config.burst) {
      burst.told++
      this.#write(event, words, fields)
    } else {
      burst.suppressed++
      this.#timer ??= setTimeout(() => this.#tellSuppressed(), WINDOW).unref()
    }
  }

  /** The same where lines are for programs: people are told in another form. */
  tellPrograms(event: EventName, words: string, fields: Fields = {}): void {
    if (!this.pretty) this.tell(event, words, fields)
  }

  /** Something that went wrong inside, as `OnError`. */
  failed(error: unknown, { event = 'server.error', ...about }: About = {}): void {
    if (!(error instanceof Error)) {
      this.tell(event, String(error), about)
      return
    }
    const { name, message, stack } = error
    this.tell(event, message === '' ? name : message, { ...about, error: name, stack })
  }

  /** Tells what is still to be told. */
  end(): void {
    clearTimeout(this.#timer)
    this.#tellSuppressed()
  }

  get #config(): LogConfig {
    return logOf(this.#options.config())
  }

  #isTold(event: EventName): boolean {
    const { level } = this.#config
    return level !== 'silent' && RANKS[EVENTS[event].level] >= RANKS[level]
  }

  #tellSuppressed(): void {
    this.#timer = undefined
    for (const [event, burst] of this.#bursts) {
      const { suppressed } = burst
      if (suppressed === 0) continue
      burst.suppressed = 0
      this.#write(event, `${suppressed} more suppressed`, { suppressed })
    }
  }

  #write(event: EventName, words: string, fields: Fields): void {
    const redactor = this.#secrets()
    const shown = Object.fromEntries(
      Object.entries(fields).map(([field, value]) => [
        field,
        typeof value === 'string' ? shorten(redactor, value) : redactor.value(value),
      ]),
    )
    this.#pino[EVENTS[event].level]({ event, ...shown }, shorten(redactor, words))
  }

  #secrets(): Redactor {
    const config = this.#options.config()
    if (!this.#redactor || this.#known !== config) {
      this.#known = config
      this.#redactor = new Redactor(config)
    }
    return this.#redactor
  }
}

/** Longer than it is shown, so that no part of a secret stays at the end. */
function shorten(redactor: Redactor, text: string): string {
  return redactor.text(text.slice(0, LONGEST + LONGEST_SECRET)).slice(0, LONGEST)
}

const RANKS = { debug: 0, info: 1, warn: 2, error: 3 } as const
