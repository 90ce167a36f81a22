import type { Report } from '../model/events.ts'
import { ConfigError, type Loaded } from '../config/index.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { FanfareError } from '../model/errors.ts'
import type { Applied } from '../services/control.ts'
import { shownConfig } from '../services/run/redact.ts'
import {
  type ConfigSource,
  loadNode,
  type SharedConfig,
  type WrittenConfig,
} from './configuration.ts'
import type { Member } from './member.ts'
import type { View } from './view.ts'

export interface FollowerOptions {
  readonly member: Member
  readonly source: ConfigSource
  /** Gives the server another configuration. */
  readonly apply: (config: ResolvedConfig) => Promise<Applied>
  readonly report: Report
}

/**
 * Keeps a node at the newest version of the shared configuration. What it cannot apply it leaves, and says why;
 * what it ran with before holds on.
 */
export class Follower {
  /** The version that holds; 0: this node's own file alone. */
  version = 0
  /** Why a newer one does not. */
  error: string | null = null
  /** The last call to apply it again that was answered. */
  round = 0
  readonly #options: FollowerOptions
  /** The newest version that was tried. */
  #tried = 0
  #turn: Promise<unknown> = Promise.resolve()
  #busy = false
  #shown: Record<string, unknown> | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** What the node starts with. @throws ConfigError when its own file is bad */
  async begin(view: View): Promise<Loaded> {
    const { member, source } = this.#options
    const { node } = member.settings
    this.round = view.round
    const shared = await this.newest()
    let loaded: Loaded | undefined
    if (shared) {
      this.#tried = shared.version
      try {
        loaded = loadNode(source, node, shared)
        this.version = shared.version
      } catch (error) {
        this.#failed(shared, error, 'This node starts with its own file.')
      }
    }
    loaded ??= loadNode(source, node)
    this.#show(loaded.config)
    return loaded
  }

  /** Applies what is newer than what it has; and all of it again when a node has called for that. */
  seen(view: View): void {
    const due = view.version > this.#tried || view.round > this.round
    if (this.#shown) this.#tellShown()
    if (!due || this.#busy) return
    this.#busy = true
    const work = this.#inTurn(() => this.#follow(view.round))
    work.catch((error: unknown) => this.#report(error)).finally(() => (this.#busy = false))
  }

  /**
   * Reads the file and the shared configuration again.
   * @throws FanfareError `bad_config`
   */
  reload(): Promise<Applied> {
    return this.#inTurn(async () => {
      const shared = await this.newest()
      const applied = await this.#apply(shared)
      this.#succeeded(shared)
      return applied
    })
  }

  /** Lays something over all that for a while. @throws FanfareError `bad_config` */
  setConfig(config: WrittenConfig): Promise<Applied> {
    return this.#inTurn(async () => this.#apply(await this.newest(), config))
  }

  /** @returns the shared configuration; undefined while there is none */
  async newest(): Promise<SharedConfig | undefined> {
    const reply = (await this.#options.member.run('newest')) as readonly Buffer[]
    const [version, document] = reply.map(String)
    if (version === undefined || document === undefined) return undefined
    return { version: Number(version), document: JSON.parse(document) as WrittenConfig }
  }

  async #follow(round: number): Promise<void> {
    const { member, report } = this.#options
    const shared = await this.newest()
    try {
      if (shared) {
        this.#tried = shared.version
        const applied = await this.#apply(shared)
        this.#succeeded(shared)
        const { later } = applied
        const rest = later.length === 0 ? '' : ` After a start: ${later.join(', ')}.`
        report(
          `The shared configuration, version ${shared.version}, holds.${rest}`,
          'cluster.config',
        )
      }
    } catch (error) {
      if (!shared) throw error
      this.#failed(shared, error, 'This node goes on with what it had.')
    }
    this.round = Math.max(this.round, round)
    member.beat()
  }

  async #apply(shared: SharedConfig | undefined, extra?: WrittenConfig): Promise<Applied> {
    const { source, member, apply } = this.#options
    let loaded: Loaded
    try {
      loaded = loadNode(source, member.settings.node, shared, extra)
    } catch (error) {
      if (error instanceof ConfigError) throw new FanfareError('bad_config', error.message)
      throw error
    }
    const applied = await apply(loaded.config)
    this.#show(loaded.config)
    return applied
  }

  #succeeded(shared: SharedConfig | undefined): void {
    this.version = shared?.version ?? 0
    this.#tried = this.version
    this.error = null
    this.#options.member.beat()
  }

  #failed({ version }: SharedConfig, error: unknown, rest: string): void {
    this.error = error instanceof Error ? error.message : String(error)
    this.#options.report(
      `The shared configuration, version ${version}, cannot be used here. ${rest}\n${this.error}`,
      'cluster.config_failed',
    )
  }

  /** Every node can be asked what any node resolved its configuration to. */
  #show(config: ResolvedConfig): void {
    this.#shown = shownConfig(config)
    this.#tellShown()
  }

  #tellShown(): void {
    const shown = this.#shown
    this.#shown = undefined
    this.#options.member.run('show', JSON.stringify(shown)).catch(() => {
      this.#shown ??= shown
    })
  }

  #report(error: unknown): void {
    this.#options.report(
      error instanceof Error ? error.message : String(error),
      'cluster.config_failed',
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }
}
