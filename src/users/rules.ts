import { type ChannelName, isPrivate, textToBytes } from '../model/channel.ts'
import { Glob } from '../model/glob.ts'

/**
 * Which channels a rule of the configuration names: a channel, a subtree (`news/`; `/` is everything),
 * or a glob; `{user}` stands for the id of the user, whatever characters that has.
 */
export class ChannelRules {
  readonly #rules: readonly string[]
  readonly #except: (channel: ChannelName) => boolean

  /** @param except channels that no rule names */
  constructor(rules: readonly string[], except: (channel: ChannelName) => boolean = () => false) {
    this.#rules = rules
    this.#except = except
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0
  }

  /** @param user whose id `{user}` is; without one, a rule with it names nothing */
  allow(channel: ChannelName, user?: string): boolean {
    if (isPrivate(channel) || this.#except(channel)) return false
    return this.#rules.some((rule) => matches(rule, channel, user))
  }
}

function matches(rule: string, channel: ChannelName, user: string | undefined): boolean {
  if (rule === '/') return true
  if (rule.includes('{user}') && user === undefined) return false
  // A user must not widen a rule by its name: what a glob reads as more than itself is quoted.
  const name = user?.replaceAll(/[\\*?[\]]/g, '\\$&') ?? ''
  const glob = `${rule.startsWith('/') ? rule.slice(1) : rule}${rule.endsWith('/') ? '*' : ''}`
  return new Glob(textToBytes(glob.replaceAll('{user}', () => name))).matches(channel)
}
