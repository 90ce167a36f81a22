import { expect, it } from 'vitest'
import { ChannelRules } from '../../src/access/rules.ts'
import { userLog } from '../../src/users/users.ts'
import { named } from '../users/rig.ts'

it.each<[rule: string, channel: string, user: string, allowed: boolean]>([
  ['news', 'news', '1', true],
  ['news', 'news/today', '1', false],
  ['/news', 'news', '1', true],
  ['news/', 'news/today', '1', true],
  ['news/', 'news', '1', false],
  ['/', 'anything/at/all', '1', true],
  ['chat/*', 'chat/a', '1', true],
  ['private/{user}', 'private/1', '1', true],
  ['private/{user}', 'private/2', '1', false],
  ['private/{user}/', 'private/1/inbox', '1', true],
  ['private/{user}/', 'private/2/inbox', '1', false],
  ['{user}', 'é', 'é', true],
  // Nobody widens a rule by its name.
  ['private/{user}', 'private/2', '*', false],
  ['private/{user}', 'private/*', '*', true],
  ['private/{user}', 'private/a', '[a-z]', false],
  ['private/{user}', 'private/1/of-another', '1/', false],
  ['private/{user}', 'private/{user}', '1', false],
  ['{user}/{user}', '$&/$&', '$&', true],
  ['private\\{user}', 'private/2', '*/2', false],
  ['private\\{user}', 'private*', '*', true],
  ['private/[{user}]', 'private/2', '1-3', false],
  ['private/[^{user}]', 'private/2', '1', false],
  ['private/[^{user}]', 'private/2', '', false],
])('the rule %s, the channel %s, the user %s: %s', (rule, channel, user, allowed) => {
  expect(new ChannelRules([rule]).allow(named(channel), user)).toBe(allowed)
})

it('a rule for users names nothing where there is none', () => {
  const rules = new ChannelRules(['private/{user}', 'news'])
  expect(rules.allow(named('private/undefined'))).toBe(false)
  expect(rules.allow(named('private/'))).toBe(false)
  expect(rules.allow(named('news'))).toBe(true)
})

it('no rule names what users are sent', () => {
  for (const rule of ['/', '*', 'user/']) {
    expect(new ChannelRules([rule]).allow(userLog('1'), '1')).toBe(false)
  }
})

it('no rules name nothing', () => {
  expect(new ChannelRules([]).isEmpty).toBe(true)
  expect(new ChannelRules([]).allow(named('news'), '1')).toBe(false)
})
