import { isPresenceChannel } from '../model/channel.ts'
import { ChannelRules } from './rules.ts'

/** What somebody may do with a channel; `manage` is with the server. */
export const ACTIONS = ['publish', 'subscribe', 'history', 'presence', 'manage'] as const
export type Action = (typeof ACTIONS)[number]

/** Rules as they are written: in the configuration, with a key, in a token. */
export interface Scopes {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  /** Of what is subscribed to, what was published before may be read of this only. */
  readonly history: readonly string[]
  readonly presence: readonly string[]
  readonly manage: boolean
}

/** What somebody may do. */
export class Grants {
  /** Where that is written, for people: `access.anonymous`, `key ci`. */
  readonly source: string
  readonly publish: ChannelRules
  readonly subscribe: ChannelRules
  readonly history: ChannelRules
  readonly presence: ChannelRules
  readonly manage: boolean

  /** @param announces whether it may say who comes and goes: that is the server's, and of trusted peers */
  constructor(source: string, scopes: Scopes, announces = false) {
    this.source = source
    this.publish = new ChannelRules(scopes.publish, announces ? undefined : isPresenceChannel)
    this.subscribe = new ChannelRules(scopes.subscribe)
    this.history = new ChannelRules(scopes.history)
    this.presence = new ChannelRules(scopes.presence)
    this.manage = scopes.manage
  }
}

/** Rules that one text may hold, and one list. */
const MOST_RULES = 1_000
const LONGEST_RULE = 1_024

/**
 * Scopes from what is not ours: a token's claim, a hook's answer, a file of keys. What is not there is not
 * allowed, but history: that goes with `subscribe`, unless it is narrowed.
 * @returns undefined when that is not what scopes look like
 */
export function scopesFrom(value: unknown): Scopes | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { publish, subscribe, history, presence, manage } = value as Record<string, unknown>
  const lists = [publish ?? [], subscribe ?? [], history ?? subscribe ?? [], presence ?? []]
  if (!lists.every(isRules)) return undefined
  if (manage !== undefined && typeof manage !== 'boolean') return undefined
  const [first, second, third, fourth] = lists as [string[], string[], string[], string[]]
  return {
    publish: first,
    subscribe: second,
    history: third,
    presence: fourth,
    manage: manage === true,
  }
}

function isRules(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length > MOST_RULES) return false
  return value.every(
    (rule) => typeof rule === 'string' && rule.length > 0 && rule.length <= LONGEST_RULE,
  )
}
