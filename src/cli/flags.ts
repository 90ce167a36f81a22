import type { Format } from '../config/load.ts'

export type { Format }

/** Options as the command line gives them. */
export interface ServeFlags {
  readonly config?: string
  readonly format?: Format
  readonly port?: string
  readonly address?: string
  readonly node?: string
  /** Names with commas between. */
  readonly roles?: string
  readonly spareFor?: string
  readonly workers?: string
  readonly logLevel?: string
  readonly logFormat?: string
  /** False: a changed configuration file is not read again by itself. */
  readonly watch?: boolean
}

export interface PublishFlags {
  readonly type?: string
  readonly lines?: boolean
  readonly key?: string
  readonly ttl?: string
  readonly accessKey?: string
  /** File of an authority. */
  readonly ca?: string
  readonly server: string
}

export interface ListenFlags {
  readonly config?: string
  readonly print?: boolean
  readonly accessKey?: string
  readonly ca?: string
  /** Started by `fanfare listen start`. */
  readonly child?: boolean
}

export interface NotifyFlags {
  readonly server: string
  readonly timeout: string
  readonly quiet?: boolean
}

export interface WatchFlags {
  readonly since?: string
  readonly last?: string
  readonly json?: boolean
  readonly count?: string
  readonly accessKey?: string
  readonly ca?: string
  readonly server: string
}

export interface TopFlags {
  readonly accessKey?: string
  /** `management.key` */
  readonly key?: string
  readonly ca?: string
  /** Seconds. */
  readonly interval: string
  readonly once?: boolean
  readonly json?: boolean
}

export interface GenerateFlags {
  readonly out: string
  readonly host?: string
  readonly port?: string
  readonly accessKey?: string
  /** `management.key` */
  readonly key?: string
  readonly ca?: string
}

export interface KeyFlags {
  readonly config?: string
  readonly format?: Format
  readonly file?: string
  readonly json?: boolean
}

export interface KeyCreateFlags extends KeyFlags {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  readonly history?: readonly string[]
  readonly presence: readonly string[]
  readonly manage?: boolean
  readonly user?: string
  readonly curve?: string
  readonly expires?: string
}

export interface ExplainFlags {
  readonly config?: string
  readonly format?: Format
  readonly as?: string
  readonly from: string
  readonly json?: boolean
}
