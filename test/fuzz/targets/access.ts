import { type Credential, credentialOf } from '../../../src/access/credential.ts'
import { digestOf, KeysError, KeySet, KEY_PREFIX, parseKeys } from '../../../src/access/keys.ts'
import { ChannelRules } from '../../../src/access/rules.ts'
import { channelFromBytes, percentDecode, textToBytes } from '../../../src/model/channel.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { Glob } from '../../../src/model/glob.ts'
import { Selectors } from '../../../src/model/selector.ts'
import { JSON_MARKS, must, orError, same, textOf, type Target } from '../engine.ts'
import type { Random } from '../random.ts'

const SECRETS = ['ffk_first', `${KEY_PREFIX}${'A'.repeat(43)}`, `${KEY_PREFIX}\xff\0`]
const RECORDS = SECRETS.map((secret, at) => ({
  id: `k${at}`,
  name: `key ${at}`,
  sha256: digestOf(secret),
  created: at,
  publish: ['a/'],
  subscribe: ['/'],
}))
const KEYS = new KeySet(parseKeys(JSON.stringify({ version: 1, keys: RECORDS }), 'keys.json'))

const presented: Target = {
  name: 'key-text',
  reads: 'keys that somebody presents',
  holds: 'a key is found by its own text, and by no other',
  seeds: SECRETS,
  tokens: ['ffk_', 'A', '_', '-', '\0', '\xff', ' ', RECORDS[0]?.sha256 ?? ''],
  longest: 300,
  check(input) {
    same(KEYS.find(input)?.id, RECORDS[SECRETS.indexOf(input)]?.id, 'the key')
  },
}

const keysFile: Target = {
  name: 'keys-file',
  reads: 'the file of keys',
  holds: 'records as they were written, or what is wrong with the file',
  seeds: [
    JSON.stringify({ version: 1, keys: RECORDS }),
    JSON.stringify({
      version: 1,
      keys: [{ ...RECORDS[0], user: 'mona', expires: 2e12, revoked: 1e12, manage: true }],
    }),
    '{"version":1,"keys":[]}',
  ],
  tokens: [
    ...JSON_MARKS,
    '1',
    '1e400',
    'true',
    '""',
    '[""]',
    '"version":',
    '"keys":[',
    '"id":',
    '"sha256":',
    '"name":',
    '"expires":',
    '"revoked":',
    '"publish":',
    '"history":',
    '"manage":',
    '"user":',
    '"__proto__":',
    '\\u0000',
    '\\ud800',
  ],
  longest: 1_500,
  check(input) {
    const text = textOf(input)
    const read = orError(
      () => parseKeys(text, 'keys.json'),
      (wrong) => wrong instanceof KeysError && wrong.message.includes('keys.json'),
    )
    if (read.error) return
    const records = read.value
    for (const { sha256, created, expires, revoked, manage } of records) {
      must(/^[0-9a-f]{64}$/.test(sha256), 'a digest that is none')
      must(Number.isFinite(created), 'made at no time')
      must(
        [expires, revoked].every((time) => time === undefined || Number.isFinite(time)),
        'times',
      )
      same(typeof manage, 'boolean', 'whether it may manage')
    }
    const again = JSON.stringify({ version: 1, keys: records })
    same(parseKeys(again, 'keys.json'), records, 'written again')
    const set = new KeySet(records)
    for (const { id, revoked } of records) {
      if (records.filter((one) => one.id === id).length > 1) continue
      same(set.holds(id), revoked === undefined, 'whether it holds')
    }
  },
}

/** @returns undefined for nothing shown, and `refused` */
function shownBy(header: string | undefined, query: string): Credential | 'refused' | undefined {
  const read = orError(
    () => credentialOf({ query, header: () => header }),
    (wrong) =>
      wrong instanceof FanfareError &&
      (wrong.code === 'not_authorized' || wrong.code === 'bad_request'),
  )
  return read.error ? 'refused' : read.value
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text, 'latin1').toString('base64')}`
}

const credential: Target = {
  name: 'credential',
  reads: 'Authorization, Bearer and Basic, and access_token in the query',
  holds:
    'one secret that can be shown again in each way, or refused; nothing where nothing is shown',
  // The header, and the query behind a line feed.
  seeds: [
    'Bearer ffk_abc\n',
    `${basic('mona:ffk_abc')}\nx=1`,
    '\naccess_token=ffk_abc&since=all',
    '\n%61ccess_token=a+b%20c',
    'Bearer a\naccess_token=b',
    `${basic(':')}\n`,
  ],
  tokens: [
    'Bearer ',
    'bearer  ',
    'Basic ',
    'Digest ',
    '\t',
    '\n',
    '&',
    '=',
    '+',
    '%',
    '%00',
    '%zz',
    'access_token',
    'access_token=',
    'access%5ftoken=',
    ':',
    basic('a:b'),
    'Zm9v',
    '\xa0',
  ],
  longest: 20_000,
  check(input) {
    const line = input.indexOf('\n')
    const header = line === -1 ? input : input.slice(0, line)
    const query = line === -1 ? '' : input.slice(line + 1)
    const has = header !== ''
    const found = shownBy(has ? header : undefined, query)
    const names = query.split('&').map((part) => percentDecode(part.split('=')[0] ?? ''))
    const times = names.filter((name) => name === 'access_token').length
    if (times > 1 || (times === 1 && has)) same(found, 'refused', 'shown more than once')
    if (times === 0 && !has) same(found, undefined, 'what nobody showed')
    if (found === undefined) {
      must(times === 0 && !has, 'what is shown counts as nothing')
      return
    }
    if (found === 'refused') return
    const { secret, user, ambient } = found
    must(secret.length > 0 && secret.length <= 16_384, 'a secret beyond the bound')
    same(ambient, user !== undefined, 'whether a browser says it')
    const inQuery = `access_token=${encodeURIComponent(secret).replaceAll('%20', '+')}`
    if (/^[\0-\x7f]*$/.test(secret))
      same(shownBy(undefined, inQuery), { secret, ambient: false }, 'in the query')
    if (secret.trim() === secret)
      same(shownBy(`Bearer ${secret}`, ''), { secret, ambient: false }, 'as Bearer')
    const pair = `${user ?? ''}:${secret}`
    if (pair.length < 12_000) {
      const shown = { secret, user: user ?? '', ambient: true }
      same(shownBy(basic(pair), ''), shown, 'as Basic')
    }
  },
}

type Step = 'any' | ((byte: string) => boolean)

const PLACE = '\uffff'
const TOKEN = /\\[\s\S]|\[\^?(?:\\[\s\S]|[^\]]-[\s\S]|[^\]])*(?:\]|$)|[\s\S]/g

/** A rule as it is said to be read, for a user. @param user one character a byte */
function stepsOf(rule: string, user: string): Step[] {
  if (rule === '/') return ['any']
  const text = `${rule.startsWith('/') ? rule.slice(1) : rule}${rule.endsWith('/') ? '*' : ''}`
  const found = textToBytes(text).replaceAll('{user}', PLACE).match(TOKEN) ?? []
  return found.flatMap((token): Step[] => {
    if (token === PLACE || token === `\\${PLACE}`) {
      return Array.from({ length: user.length }, (_, at) => (byte) => byte === user[at])
    }
    // It stands for nothing where single bytes are listed.
    if (token.startsWith('[') && token.includes(PLACE)) return [() => false]
    if (token === '*') return ['any']
    const one = new Glob(token)
    return [(byte) => one.matches(byte)]
  })
}

/** By all places where the name may stand after each step. */
function follows(steps: readonly Step[], name: string): boolean {
  let places = new Set([0])
  for (const step of steps) {
    const next = new Set<number>()
    for (const place of places) {
      if (step === 'any') for (let at = place; at <= name.length; at++) next.add(at)
      else if (place < name.length && step(name[place] as string)) next.add(place + 1)
    }
    places = next
  }
  return places.has(name.length)
}

/** A name that a pattern may match. */
function nameOf(pattern: string, random: Random): string {
  return pattern
    .replaceAll(/\*/g, () => random.pick(['', 'a', '/b', 'mona']))
    .replaceAll(/\?/g, () => random.pick(['a', '/', '\xff']))
    .replaceAll(/\\(?=[\s\S])/g, '')
}

const rules: Target = {
  name: 'access-rules',
  reads: 'rules of users and access, ids of users, channels and patterns',
  holds:
    'what a naive reading gives; an id means its own characters and nothing else; whoever may follow a pattern may follow each of its channels',
  // The rule, the id of the user, what is asked for.
  seeds: [
    'private/{user}\nmona\nprivate/mona',
    'private/{user}/\nmona\nprivate/mona/inbox',
    'private/{user}\n*\nprivate/ada',
    '{user}\n[a-z]\nb',
    'a\\{user}\n*b\na\\b',
    '[{user}]\na-z\nm',
    '[^{user}]\nab\nc',
    '{user}/{user}\n$&\n$&/$&',
    'news/*/[a-c]?\n\nnews/x/bb',
    '/\nmona\nnews/*',
    '\xc3\xa9{user}\n\xc3\xa9\n\xc3\xa9\xc3\xa9',
  ],
  tokens: [
    '{user}',
    '{',
    '}',
    '*',
    '?',
    '[',
    ']',
    '[^',
    '\\',
    '-',
    '/',
    '\n',
    'a',
    'b',
    '{user',
    '[a-z]',
    '**',
    'a*',
    '\xff',
    '\xc3\xa9',
    'private/',
    'mona',
    '[{user}]',
    '\\{user}',
  ],
  longest: 200,
  check(input, random) {
    const [rule = '', id = '', asked = ''] = input.split('\n').map(textOf)
    if (rule === '') return
    const one = new ChannelRules([rule])
    const user = id === '' ? undefined : id
    const steps =
      rule.includes('{user}') && user === undefined ? undefined : stepsOf(rule, textToBytes(id))
    const bytes = textToBytes(asked)
    const names = [
      bytes,
      nameOf(bytes, random),
      nameOf(textToBytes(rule.replaceAll('{user}', () => id)), random),
    ]
    const all = user !== undefined || !rule.includes('{user}')
    const pattern = new Selectors([], [], [bytes])
    const prefix = new Selectors([], [bytes])
    const wide = [pattern, prefix].filter((selectors) => one.allowAll(selectors, user))
    for (const name of names) {
      const channel = channelFromBytes(name)
      if (channel === undefined) continue
      const allowed = one.allow(channel, user)
      same(allowed, steps !== undefined && follows(steps, channel), `whether it names ${name}`)
      same(one.allowAll(new Selectors([channel]), user), allowed, 'the same of what is followed')
      for (const selectors of wide) {
        if (selectors.matches(channel)) must(allowed && all, 'a pattern gives more than its parts')
      }
    }
  },
}

export const ACCESS: readonly Target[] = [presented, keysFile, credential, rules]
