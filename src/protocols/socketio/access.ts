import { textToBytes } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { Selectors } from '../../model/selector.ts'
import type { Users } from '../../users/users.ts'

/**
 * What a client named, if its user may follow all of it.
 * @param subtrees whether subtrees (`x/`) may be among it
 * @throws FanfareError `bad_channel`, `forbidden`
 */
export function followable(
  names: readonly string[],
  user: string,
  users: Users,
  subtrees: boolean,
): Selectors {
  let all = new Selectors([])
  for (const name of names) {
    const selected = Selectors.parseText(name)
    if (!selected) throw new FanfareError('bad_channel')
    if (selected.prefixes.length > 0 && !subtrees) {
      throw new FanfareError(
        'bad_channel',
        `${shown(name)} is a subtree: those are followed with {"as": "session"}.`,
      )
    }
    const allowed =
      selected.channels.every((channel) => users.maySubscribe.allow(channel, user)) &&
      selected.prefixes.every((prefix) => mayFollowBelow(users.config.subscribe, prefix, user))
    if (!allowed) {
      throw new FanfareError('forbidden', `This user may not subscribe to ${shown(name)}.`)
    }
    all = all.with(selected)
  }
  return all
}

/**
 * Whether rules allow every name below a prefix: one of them must be that subtree, or one above it. A
 * glob may mean the same and is not looked into.
 */
function mayFollowBelow(rules: readonly string[], prefix: string, user: string): boolean {
  return rules.some((rule) => {
    if (rule === '/') return true
    if (!rule.endsWith('/') || /[\\*?[\]]/.test(rule)) return false
    const text = (rule.startsWith('/') ? rule.slice(1) : rule).replaceAll('{user}', () => user)
    return prefix.startsWith(textToBytes(text))
  })
}

export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}
