import { Selectors } from '../model/selector.ts'
import { type Caller, shownCaller } from './caller.ts'
import type { Action } from './grants.ts'
import type { ChannelRules } from './rules.ts'

/** Whether somebody may do something, and by which rule. */
export interface Explanation {
  readonly allowed: boolean
  /** In words: who that is. */
  readonly who: string
  /** Where its rules are written. */
  readonly source: string
  /** The rule that allows it. */
  readonly rule: string | undefined
  /** The rules there are, where none of them does. */
  readonly rules: readonly string[]
  /** What of it is not allowed. */
  readonly lacking: Action | undefined
}

/**
 * Who may do what, by the same rules as the doors ask.
 * @param channel a name, or a subtree such as `news/`; of `manage` it does not count
 * @returns undefined when that is no name
 */
export function explain(caller: Caller, action: Action, channel: string): Explanation | undefined {
  const { grants, user } = caller
  const who = shownCaller(caller)
  const { source } = grants
  const told = (allowed: boolean, more: Partial<Explanation>): Explanation => {
    return { allowed, who, source, rule: undefined, rules: [], lacking: undefined, ...more }
  }
  if (action === 'manage') {
    return grants.manage ? told(true, { rule: 'manage' }) : told(false, { lacking: action })
  }
  const selectors = Selectors.parseText(channel)
  if (!selectors) return undefined
  const needed: readonly Exclude<Action, 'manage'>[] =
    action === 'history' ? ['subscribe', 'history'] : [action]
  let rule: string | undefined
  for (const one of needed) {
    const rules = grants[one]
    rule = ruleAmong(rules, selectors, user)
    if (rule === undefined) return told(false, { rules: rules.texts, lacking: one })
  }
  return told(true, { rule })
}

function ruleAmong(
  rules: ChannelRules,
  selectors: Selectors,
  user: string | undefined,
): string | undefined {
  const { single } = selectors
  if (single !== undefined) return rules.ruleFor(single, user)
  return rules.texts.find((text) => rules.only(text).allowAll(selectors, user))
}
