/**
 * What systemd lends to a service, and wants to hear from it: sd_listen_fds(3), sd_notify(3),
 * sd_watchdog_enabled(3). Without systemd none of it does anything.
 */
import { execFile } from 'node:child_process'

/** The first descriptor that is handed over (SD_LISTEN_FDS_START). */
const FIRST = 3
/** How long `systemd-notify` may take, in ms. */
const PATIENCE = 5_000
/** What a socket is called whose unit says nothing: systemd takes the unit's own name then. */
const MAIN = 'http'

/** Names of sockets that a service manager has opened, and the descriptors of those. */
export type Inherited = ReadonlyMap<string, number>

/**
 * The sockets that were handed over: each by its `FileDescriptorName=`. The first one without a name of ours
 * is the main port.
 * @param isWorker the descriptors are those of the process that looks after this one
 * @param known names of doors that listen
 */
export function inheritedSockets(
  env: NodeJS.ProcessEnv,
  isWorker: boolean,
  known: readonly string[],
): Inherited {
  const found = new Map<string, number>()
  const count = Number(env['LISTEN_FDS'] ?? 0)
  const owner = isWorker ? process.ppid : process.pid
  if (!(count > 0) || Number(env['LISTEN_PID']) !== owner) return found
  const names = env['LISTEN_FDNAMES']?.split(':') ?? []
  for (let at = 0; at < count; at++) {
    const name = names[at] ?? ''
    if (known.includes(name)) found.set(name, FIRST + at)
    else if (!found.has(MAIN)) found.set(MAIN, FIRST + at)
  }
  return found
}

/**
 * Tells systemd how the service is. Node has no datagram sockets of the UNIX kind, which NOTIFY_SOCKET is; so
 * the program says it that systemd brings for this, and which waits until it was heard. It is a child of the
 * service, hence `NotifyAccess=all` in the unit.
 */
export class ServiceManager {
  readonly #env: NodeJS.ProcessEnv
  readonly #onError: (error: unknown) => void
  #failed = false
  #guarded = false
  /** Words are said in the order in which they are meant. */
  #said: Promise<void> = Promise.resolve()

  constructor(env: NodeJS.ProcessEnv, onError: (error: unknown) => void) {
    this.#env = env
    this.#onError = onError
  }

  /** It serves; from now on the watchdog is told so as well, as long as the event loop turns. */
  ready(): Promise<void> {
    const said = this.#say('READY=1', 'STATUS=Serving.')
    const interval = this.#watchdog
    if (interval > 0 && !this.#guarded) {
      this.#guarded = true
      setInterval(() => void this.#say('WATCHDOG=1'), interval).unref()
    }
    return said
  }

  reloading(): Promise<void> {
    // In µs, by the clock that systemd compares it with.
    const now = process.hrtime.bigint() / 1000n
    return this.#say('RELOADING=1', `MONOTONIC_USEC=${now}`)
  }

  stopping(): Promise<void> {
    return this.#say('STOPPING=1', 'STATUS=Sending clients elsewhere.')
  }

  /** How often to tell, in ms: twice in the time that systemd waits; 0 = never. */
  get #watchdog(): number {
    const { WATCHDOG_USEC: time, WATCHDOG_PID: pid } = this.#env
    const meant = pid === undefined || Number(pid) === process.pid
    return meant && Number(time) > 0 ? Number(time) / 2_000 : 0
  }

  #say(...words: string[]): Promise<void> {
    if (this.#env['NOTIFY_SOCKET'] === undefined) return this.#said
    this.#said = this.#said.then(() => this.#run(words))
    return this.#said
  }

  #run(words: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      execFile('systemd-notify', words, { env: this.#env, timeout: PATIENCE }, (error) => {
        if (error && !this.#failed) {
          this.#failed = true
          this.#onError(new Error(`systemd is not told how the service is: ${error.message}`))
        }
        resolve()
      })
    })
  }
}
