import type { Door } from '../doors/door.ts'

/** A server that was started for one run. */
export interface Running {
  /** Its first process; another one after a restart. */
  readonly pid: number
  /** Its ports by the names that its doors use. */
  readonly ports: Readonly<Record<string, number>>
  /** As it reports itself. */
  readonly version: string
  /** How it ended if it has, and what it said last: to show when a run fails. */
  lastWords(): string
  /** Where it writes how long its event loop was held up (preload/delay.ts), if it is of Node's. */
  readonly delayFile: string | undefined
  /** Stops it and starts it again, on the same ports; resolves once it accepts. */
  restart(): Promise<void>
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

/** A server that can be measured: ours, another's, or a control. */
export interface Peer {
  readonly name: string
  /** What it is, in a few words. */
  readonly about: string
  /** The doors it has, by the names that shapes ask for. */
  readonly doors: Readonly<Record<string, Door>>
  /** The only shapes it says something in; all unless given. */
  readonly onlyIn?: readonly string[]
  /** Undefined when it can run here, else what is missing and how to get it. Quick. */
  missing(): string | undefined
  /**
   * Starts it on this core, on loopback, on ports of its own; resolves once it accepts.
   * @param door what it will be measured at
   * @param settings of our server, as environment variables; others pass them by
   * @param shape what it will be loaded with
   */
  start(
    core: number | undefined,
    door: string,
    settings?: Readonly<Record<string, string>>,
    shape?: string,
  ): Promise<Running>
}
