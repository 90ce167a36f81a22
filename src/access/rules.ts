import { type ChannelName, isPrivate, textToBytes } from '../model/channel.ts'
import { Glob, PLACE, quoteGlob } from '../model/glob.ts'
import type { Selectors } from '../model/selector.ts'

/**
 * Which channels a rule of the configuration names: a channel, a subtree (`news/`; `/` is everything),
 * or a glob; `{user}` stands for the id of the user, whatever characters that has.
 */
export class ChannelRules {
  readonly #rules: readonly Rule[]
  readonly #except: ((channel: ChannelName) => boolean) | undefined
  /** Every channel of clients, and no exceptions: what is mostly so, and needs no look at any name. */
  readonly isEverything: boolean

  /** @param except channels that no rule names */
  constructor(rules: readonly string[], except?: (channel: ChannelName) => boolean) {
    this.#rules = rules.map(ruleOf)
    this.#except = except
    this.isEverything = except === undefined && rules.includes('/')
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0
  }

  /** As they were written. */
  get texts(): readonly string[] {
    return this.#rules.map(({ text }) => text)
  }

  /** One of the rules by itself. */
  only(text: string): ChannelRules {
    return new ChannelRules([text], this.#except)
  }

  /** @param user whose id `{user}` is; without one, a rule with it names nothing */
  allow(channel: ChannelName, user?: string): boolean {
    return this.ruleFor(channel, user) !== undefined
  }

  /** The first rule that names a channel. */
  ruleFor(channel: ChannelName, user?: string): string | undefined {
    if (isPrivate(channel) || this.#except?.(channel)) return undefined
    return this.#rules.find((rule) => names(rule, channel, user))?.text
  }

  /**
   * Whether all is allowed that selectors select. For a subtree or a pattern, one rule alone must name all that it
   * selects: several that do so together are not looked for, and exceptions are none here.
   */
  allowAll({ channels, prefixes, patterns }: Selectors, user?: string): boolean {
    if (this.isEverything) return true
    return (
      channels.every((channel) => this.allow(channel, user)) &&
      prefixes.every((prefix) => this.#covers(`${quoteGlob(prefix)}*`, user)) &&
      patterns.every((pattern) => this.#covers(pattern, user))
    )
  }

  /** @param pattern one character a byte, without a leading `/` */
  #covers(pattern: string, user: string | undefined): boolean {
    const wanted = new Glob(pattern)
    return this.#rules.some((rule) => globOf(rule, user)?.covers(wanted))
  }
}

interface Rule {
  readonly text: string
  /** The names themselves, where nothing in the rule is special. */
  readonly exact: string | undefined
  readonly glob: Glob
  /** A glob with places for the id of the user. */
  readonly isForUsers: boolean
}

const USER = '{user}'

function ruleOf(text: string): Rule {
  const pattern = patternOf(text)
  const isForUsers = text.includes(USER)
  const exact = isForUsers || /[\\*?[\]]/.test(pattern) ? undefined : pattern
  return { text, exact, glob: new Glob(pattern), isForUsers }
}

function names(rule: Rule, channel: ChannelName, user: string | undefined): boolean {
  if (rule.exact !== undefined) return rule.exact === channel
  return globOf(rule, user)?.matches(channel) ?? false
}

function globOf({ glob, isForUsers }: Rule, user: string | undefined): Glob | undefined {
  if (!isForUsers) return glob
  // Filled in when the glob has been read: nobody can widen a rule by a name.
  return user === undefined ? undefined : glob.filled(textToBytes(user))
}

/** A rule as a glob, one character a byte, with places for the id of the user. */
function patternOf(text: string): string {
  if (text === '/') return '*'
  const glob = `${text.startsWith('/') ? text.slice(1) : text}${text.endsWith('/') ? '*' : ''}`
  return textToBytes(glob).replaceAll(USER, PLACE)
}
