/** Several server processes behind the same ports, and one that only looks after them. */
import type { Report } from '../model/events.ts'
import cluster, { type Worker } from 'node:cluster'

/** Says to a process which worker it is, from 1. No key of the configuration. */
const SLOT = 'WORKER_OF_FANFARE'
/** Says to it which life of that worker has ended before. */
const FORMER = 'FORMER_WORKER_OF_FANFARE'

/** ms between the end of a worker and its next start: doubled from the first to the last. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 10_000
/** ms after which a worker that runs has shown that it can. */
const PROVEN = 10_000
/** ms that a worker may take to reload before the next one begins. */
const RELOAD_WAIT = 15_000

/** What a worker tells the process that looks after it. */
type Told =
  | { readonly fanfare: 'ready'; readonly incarnation: string }
  | {
      readonly fanfare: 'reloaded'
      /** ms that it may take to stop from now on. */
      readonly stopTimeout?: number
    }

/** Which worker this process is, from 1; undefined: it is none. */
export function workerSlot(): number | undefined {
  const slot = Number(process.env[SLOT])
  return cluster.isWorker && slot >= 1 ? slot : undefined
}

/** The incarnation of the process that was this worker before; undefined: there was none. */
export function formerWorker(): string | undefined {
  return cluster.isWorker ? process.env[FORMER] : undefined
}

/** Tells the process that looks after this one, if there is any. */
export function tellSupervisor(told: Told): void {
  if (cluster.isWorker) process.send?.(told)
}

/** Ends this process if it is a worker: its connection to the supervisor would keep it going. */
export function endWorker(code: number): void {
  if (cluster.isWorker) process.exit(code)
}

export interface SupervisorOptions {
  readonly count: number
  /** ms that all workers may take to stop. */
  readonly stopTimeout: number
  readonly report: Report
  /** Hears once that workers serve, and around each reload. */
  readonly ready?: () => void
  readonly reloading?: () => void
}

/** Starts workers, and starts each again that ends. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots = new Map<number, Slot>()
  #stopping = false
  #code = 0
  #end: (code: number) => void = () => {}
  #reloads: Promise<void> = Promise.resolve()
  #stopTimeout: number

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#stopTimeout = options.stopTimeout
  }

  /**
   * Runs until it is stopped, or a worker cannot even start.
   * @returns the exit code
   */
  async run(): Promise<number> {
    const ended = new Promise<number>((resolve) => (this.#end = resolve))
    process.on('SIGHUP', () => this.reload())
    // The others follow once one has shown that it can be done.
    this.#fork(1)
    return await ended
  }

  /** Lets all workers stop. @param code that of this process then */
  stop(code = 0): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#code = code
    for (const { worker, timer } of this.#slots.values()) {
      clearTimeout(timer)
      worker?.process.kill('SIGTERM')
    }
    const stuck = setTimeout(() => this.kill(), this.#stopTimeout)
    this.#allGone().then(
      () => {
        clearTimeout(stuck)
        this.#end(this.#code)
      },
      (error: unknown) => this.#options.report(String(error)),
    )
  }

  /** Ends all workers at once. @param code that of this process then */
  kill(code = 1): void {
    this.#code = code
    for (const { worker } of this.#slots.values()) worker?.process.kill('SIGKILL')
  }

  /** Has one worker after the other reload: the ports are served all the time. */
  reload(): void {
    this.#reloads = this.#reloads.then(async () => {
      this.#options.reloading?.()
      for (const { worker } of this.#slots.values()) {
        if (this.#stopping || !worker) continue
        const done = reloaded(worker)
        worker.process.kill('SIGHUP')
        await done
      }
      if (!this.#stopping) this.#options.ready?.()
    })
  }

  #fork(number: number): void {
    const slot: Slot = this.#slots.get(number) ?? {
      worker: undefined,
      wait: FIRST_WAIT,
      proven: false,
      incarnation: undefined,
      timer: undefined,
    }
    this.#slots.set(number, slot)
    const worker = cluster.fork({
      [SLOT]: String(number),
      ...(slot.incarnation === undefined ? {} : { [FORMER]: slot.incarnation }),
    })
    const since = performance.now()
    slot.worker = worker
    worker.on('message', (told: Told) => {
      if (told.fanfare === 'reloaded') this.#stopTimeout = told.stopTimeout ?? this.#stopTimeout
      if (told.fanfare !== 'ready') return
      slot.proven = true
      slot.incarnation = told.incarnation
      if (this.#slots.size > 1) return
      this.#forkOthers()
      this.#options.ready?.()
    })
    worker.once('exit', (code, signal) => {
      slot.worker = undefined
      if (this.#stopping) return
      const how = signal ? `by ${signal}` : `with code ${code}`
      if (!slot.proven) {
        this.#options.report(`Worker ${number} ended ${how} before it was ready.`, 'worker.ended')
        this.stop(1)
        return
      }
      slot.wait = performance.now() - since > PROVEN ? FIRST_WAIT : slot.wait
      this.#options.report(`Worker ${number} ended ${how}; it is started again.`, 'worker.ended')
      slot.timer = setTimeout(() => this.#fork(number), slot.wait)
      slot.wait = Math.min(slot.wait * 2, LONGEST_WAIT)
    })
  }

  #forkOthers(): void {
    for (let slot = 2; slot <= this.#options.count; slot++) this.#fork(slot)
  }

  async #allGone(): Promise<void> {
    const gone = [...this.#slots.values()].map(async ({ worker }) => {
      if (worker && !worker.isDead()) await new Promise((resolve) => worker.once('exit', resolve))
    })
    await Promise.all(gone)
  }
}

interface Slot {
  worker: Worker | undefined
  /** ms until it is started again, if it ends now. */
  wait: number
  /** It was ready once: what ends it now is no mistake of the configuration. */
  proven: boolean
  /** Of the process that is this worker, or was last. */
  incarnation: string | undefined
  timer: NodeJS.Timeout | undefined
}

async function reloaded(worker: Worker): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, RELOAD_WAIT)))
  const said = new Promise<void>((resolve) => {
    worker.on('message', ({ fanfare }: Told) => {
      if (fanfare === 'reloaded') resolve()
    })
    worker.once('exit', () => resolve())
  })
  await Promise.race([late, said])
  clearTimeout(timer)
}
