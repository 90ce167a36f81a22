import { ConfigError } from '../config/problems.ts'
import type { ResolvedConfig } from '../config/types.ts'
import { FanfareError } from '../model/errors.ts'
import type { Applied, Control } from '../services/control.ts'
import { ROLES } from './roles.ts'

/** A configuration as it would stand in a file. */
export type WrittenConfig = Readonly<Record<string, unknown>>

/**
 * Reads the configuration of a node again.
 * @param extra laid over what the file says
 * @throws ConfigError with every mistake
 */
export type Reload = (extra?: WrittenConfig) => Promise<ResolvedConfig>

export interface StandAloneOptions {
  readonly node: string
  /** Gives the node another configuration. */
  readonly apply: (config: ResolvedConfig) => Promise<Applied>
  /** Undefined where no file was read: the server is part of a program. */
  readonly reload: Reload | undefined
}

/** What the management services can do with a node that is no part of a cluster. */
export class StandAlone implements Control {
  readonly cluster = undefined
  readonly roles = ROLES
  readonly #options: StandAloneOptions

  constructor(options: StandAloneOptions) {
    this.#options = options
  }

  get node(): string {
    return this.#options.node
  }

  async reload(): Promise<Applied> {
    const reload = this.#read()
    return this.#apply(() => reload())
  }

  async setConfig(config: WrittenConfig): Promise<Applied> {
    const reload = this.#read()
    return this.#apply(() => reload(config))
  }

  /** @throws FanfareError where there is nothing that a configuration could be laid over */
  #read(): Reload {
    const { reload } = this.#options
    if (reload) return reload
    throw new FanfareError(
      'bad_config',
      'The configuration cannot be changed here: this server is part of a program, which gave it one.',
      'Start it with `fanfare serve`.',
    )
  }

  async #apply(load: () => Promise<ResolvedConfig>): Promise<Applied> {
    let config: ResolvedConfig
    try {
      config = await load()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new FanfareError('bad_config', error.message)
    }
    return this.#options.apply(config)
  }
}
