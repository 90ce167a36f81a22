import type { MaybePromise } from '../model/maybe.ts'
import type { LinkState } from '../stores/state.ts'

/** What the management services can do with the node that they run in, and with all nodes. */
export interface Control {
  /** The name of this node. */
  readonly node: string
  /**
   * Reads this node's configuration again, and applies it.
   * @throws FanfareError `bad_config` with every mistake; nothing has changed then
   */
  reload(): Promise<Applied>
  /**
   * Gives this node another configuration, until it is reloaded or started again.
   * @throws FanfareError `bad_config`
   */
  setConfig(config: Readonly<Record<string, unknown>>): Promise<Applied>
  /** What a node that stands alone carries, as `NodeStatus` names it. */
  readonly roles?: readonly string[]
  /** Undefined: this node stands alone. */
  readonly cluster: ClusterControl | undefined
}

/** What a new configuration has changed. */
export interface Applied {
  /** Keys (`limits.maxBodyBytes`) that hold from now on, with nothing closed. */
  readonly changed: readonly string[]
  /** Doors and stores that were begun anew: their former connections are kept until they close. */
  readonly restarted: readonly string[]
  /** Keys that hold only after a start. */
  readonly later: readonly string[]
}

/** What all nodes share. */
export interface ClusterControl {
  /** How this node stands in its cluster; undefined: it stands alone. */
  readonly membership?: Membership
  status(): MaybePromise<Readonly<Record<string, NodeStatus>>>
  /**
   * Makes this the configuration of all nodes, and tells them.
   * @param author who says so, for the list of versions
   * @throws FanfareError `bad_config`, `not_manager`, `store_unavailable`
   */
  setConfig(config: Readonly<Record<string, unknown>>, author: string): Promise<ConfigVersion>
  /** What a node has resolved its configuration to; undefined: no such node. */
  getConfig(node: string): Promise<Readonly<Record<string, unknown>> | undefined>
  /** Has every node apply the newest version again, and waits (bounded) for what each says. */
  distributeConfig(): Promise<Readonly<Record<string, NodeApplied>>>
  /** The newest first. */
  versions(limit: number): MaybePromise<readonly ConfigVersion[]>
  /** Whether this node carries a service. */
  carries(service: string): boolean
  /** Where a service is called on a node that carries it, as a URL; undefined: none does. */
  elsewhere(service: string): string | undefined
}

export interface NodeStatus {
  readonly state: { readonly up: boolean; readonly downSince: number | null }
  /** Where its services are called. */
  readonly config: {
    readonly hostname: string
    readonly port: number
    readonly scheme: 'http' | 'https'
  }
  /** Where clients reach it. */
  readonly url: string
  /** What it carries now, and what it would take over. */
  readonly roles: readonly string[]
  readonly spareFor: readonly string[]
  readonly isManager: boolean
  /** Seconds since it joined, and since it was last heard of. */
  readonly age: number
  readonly silence: number
  readonly load: NodeLoad
  readonly version: string
  /** The version of the shared configuration that it has applied; 0: its own file's. */
  readonly configVersion: number
  /** Why it could not apply a newer one. */
  readonly configError: string | null
}

/** What of a node's lease follows from its own clock. */
export interface Membership {
  /** Whether the lease runs: only then it carries anything that one node carries at a time. */
  readonly held: boolean
  /** Seconds since it was last renewed, and how long it runs from then. */
  readonly age: number
  readonly lease: number
  /** The Redis in which nodes meet. */
  readonly redis: LinkState
}

export interface NodeLoad {
  readonly connections: number
  /** Messages published and delivered in the last second. */
  readonly published: number
  readonly delivered: number
  /** Share of one core, 0 to 1. */
  readonly cpu: number
  /** Resident bytes. */
  readonly memory: number
}

export interface NodeApplied {
  readonly version: number
  readonly error: string | null
}

export interface ConfigVersion {
  readonly version: number
  readonly author: string
  /** ms since 1970 */
  readonly time: number
  /** What differs from the version before, a line each; secrets are `***`. */
  readonly diff: readonly string[]
}
