import { isIP } from 'node:net'
import { Access } from '../access/access.ts'
import type { Caller } from '../access/caller.ts'
import { explain, type Explanation } from '../access/explain.ts'
import type { Action } from '../access/grants.ts'
import { FanfareError } from '../model/errors.ts'
import { accessSettings } from '../server/access-settings.ts'
import type { ExplainFlags } from './flags.ts'
import { configFrom, tell } from './key.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

/**
 * Says whether somebody may do something, and by which rule.
 * @returns the exit code: 0 when it may, 1 when not
 */
export async function explainAccess(
  action: Action,
  channel: string,
  flags: ExplainFlags,
): Promise<number> {
  try {
    const settings = accessSettings(configFrom(flags))
    const access = new Access(settings, (error) => console.error(`fanfare: ${String(error)}`))
    const explanation = explain(await callerOf(access, flags), action, channel)
    if (!explanation) throw new UsageError('a channel has 1 to 512 bytes')
    const event = action === 'publish' ? 'publish' : 'subscribe'
    const asks = action !== 'manage' && access.isAsked(event)
    if (flags.json) console.log(JSON.stringify({ ...explanation, action, channel, hook: asks }))
    else console.log(printable(wordsOf(explanation, action, channel, asks)))
    return explanation.allowed ? 0 : 1
  } catch (error) {
    if (error instanceof FanfareError) return tell(new UsageError(error.message))
    return tell(error)
  }
}

async function callerOf(access: Access, { as, from }: ExplainFlags): Promise<Caller> {
  if (as === undefined) {
    if (isIP(from) === 0)
      throw new UsageError(`--from takes an address, such as 203.0.113.9, not ${from}`)
    return access.identifyPeer(from)
  }
  if (as === 'anonymous') return access.identifyPeer('')
  if (as.startsWith('user:')) return access.identifyUser(as.slice('user:'.length))
  if (!as.startsWith('key:')) return access.identifySecret(as)
  const caller = access.identifyKeyNamed(as.slice('key:'.length))
  if (!caller) throw new UsageError(`there is no ${as}; \`fanfare key list\` has all`)
  return caller
}

const VERBS: Readonly<Record<Exclude<Action, 'manage'>, string>> = {
  publish: 'publish',
  subscribe: 'subscribe',
  history: 'read the history of',
  presence: 'ask who is on',
}

function wordsOf(
  { allowed, who, source, rule, rules, lacking }: Explanation,
  action: Action,
  channel: string,
  asks: boolean,
): string {
  const what = action === 'manage' ? 'manage' : `${VERBS[action]} ${JSON.stringify(channel)}`
  if (allowed) {
    const hook = asks ? ', if access.hook says so, too' : ''
    return `yes: ${who} may ${what}, by the rule ${JSON.stringify(rule)} of ${source}${hook}`
  }
  if (action === 'manage') {
    return `no: ${who} may not manage by ${source}; without management.key, trustedPeers may`
  }
  const list = rules.length === 0 ? 'nothing' : rules.map((one) => JSON.stringify(one)).join(', ')
  return `no: ${who} may not ${what}: ${source} allows ${String(lacking)} of ${list}`
}
