import { ConfigError, formatProblems, loadConfig } from '../../../src/config/index.ts'
import { parseGitpubsub } from '../../../src/config/gitpubsub.ts'
import { type Parsed, parseJson } from '../../../src/config/json.ts'
import { peerMistake } from '../../../src/config/peers.ts'
import { urlPattern } from '../../../src/config/pattern.ts'
import type { Source } from '../../../src/config/source.ts'
import { valueOf } from '../../../src/config/tree.ts'
import { parseYaml } from '../../../src/config/yaml.ts'
import { formatDuration, parseBytes, parseDuration } from '../../../src/config/units.ts'
import { PeerList } from '../../../src/access/peers.ts'
import { luaPattern } from '../../../src/protocols/scan/lua-pattern.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { must, orError, same, textOf, type Target } from '../engine.ts'
import type { Random } from '../random.ts'

const YAML = `port: 9090
store:
  default: &small { type: memory, max_messages: 10, message_timeout: 15m }
  other:
    <<: *small
    max_bytes: 8MiB
locations:
  - type: subscriber
    url: /redis/(.+)/1/sub/
    store: other
  - { type: publisher, prefix: "/pub/", create_on_post: no }
trustedPeers: [127.0.0.1, "::1", 192.168.0.*, 10.0.0.0/8]
limits: { heartbeat: 30s, maxBodyBytes: 64k }
feed: { port: 0 }
`
const LAUGHS = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 8 }, (_, n) => {
  const name = String.fromCharCode(98 + n)
  const before = String.fromCharCode(97 + n)
  return `${name}: &${name} [${`*${before},`.repeat(9)}]\n`
}).join('')}`
const YAML_TOKENS = [
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  "'",
  '\n',
  '\n  ',
  '#',
  '&a ',
  '*a',
  '<<: ',
  '|',
  '>',
  '!x ',
  '!!js/function ',
  '%',

  '---\n',
  '...\n',
  '? ',
  '~',
  '.inf',
  '\t',
  '\ufeff',
  '__proto__',
  'port: ',
  'limits: ',
  'store: ',
  '5s',
  'on',
  '0o17',
]

const schema = configSchema()
/** Of how many texts one is loaded. */
const LOADED = 25

/** A value may be this large at most, as JSON: what is written once may be meant often. */
const LARGEST = 2 ** 20

/** Every text is read; some of it is made a configuration of, which takes far longer. */
function survives(text: string, format: 'yaml' | 'gitpubsub', random: Random): void {
  const source: Source = { name: 'f', kind: 'file', text }
  const { root, problems: mistakes }: Parsed = { yaml: parseYaml, gitpubsub: parseGitpubsub }[
    format
  ](source)
  must(root !== undefined || mistakes.length > 0, 'refused without a word')
  if (root) must((JSON.stringify(valueOf(root)) ?? '').length < LARGEST, 'a few lines became large')
  if (random.once(LOADED)) loads(text, format)
}

function loads(text: string, format: 'yaml' | 'gitpubsub'): void {
  const loaded = orError(
    () => loadConfig(schema, { file: 'f', text, format, env: {} }),
    (error) => error instanceof ConfigError,
  )
  if (!loaded.error) {
    must(Number.isInteger(loaded.value.config.port), 'a configuration without a port')
    return
  }
  const { problems } = loaded.error as ConfigError
  must(problems.length > 0, 'refused without a word')
  for (const { message, line, column } of problems) {
    must(message !== '' && line >= 1 && column >= 1, 'a problem without a place')
  }
  formatProblems(problems, { color: true })
}

const yaml: Target = {
  name: 'config-yaml',
  reads: 'fanfare.yaml, aliases and merge keys included',
  holds: 'a configuration, or problems with places; aliases cannot make it large',
  seeds: [YAML, LAUGHS, 'port: 1\n', `a: ${'[['.repeat(30)}`],
  tokens: YAML_TOKENS,
  longest: 2_000,
  check(input, random) {
    survives(textOf(input), 'yaml', random)
  },
}

const gitpubsub: Target = {
  name: 'config-gitpubsub',
  reads: 'gitpubsub.cfg',
  holds: 'a configuration, or problems with places',
  seeds: [
    '[Server]\nport: 2069\nURL: x\n[General]\nrootFolder = /srv\nscanCriteria: %.git$\n[Clients]\ntrustedPeers: 127.0.0.1 ::1\n',
  ],
  tokens: [
    '[',
    ']',
    '\n',
    ': ',
    '=',
    '#',
    ';',
    'port',
    '[Server]',
    '[Clients]',
    'trustedPeers: ',
    '%.git',
  ],
  check(input, random) {
    survives(textOf(input), 'gitpubsub', random)
  },
}

const json: Target = {
  name: 'config-json',
  reads: 'fanfare.json',
  holds: 'the value that JSON.parse gives, and refused where that refuses (or deeper than 64)',
  seeds: [
    '{"port":9090,"limits":{"heartbeat":"30s"},"a":[1,-2.5e3,true,null,"\\u00e9"]}',
    `${'['.repeat(70)}${']'.repeat(70)}`,
  ],
  tokens: [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '\\u12',
    'true',
    'null',
    '-',
    '1.',
    '01',
    'e5',
    ' ',
    '\n',
    '//',
    '\v',
  ],
  check(input) {
    const text = textOf(input)
    const source: Source = { name: 'f', kind: 'file', text }
    const { root, problems } = parseJson(source)
    let value: unknown
    let right = true
    try {
      value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text)
    } catch {
      right = false
    }
    if (!right) must(root === undefined, 'what is no JSON was taken for some')
    else if (root === undefined)
      must(
        problems.some(({ message }) => message.includes('deep')),
        'JSON was refused',
      )
    else if (problems.length === 0) same(valueOf(root), value, 'the value')
  },
}

const units: Target = {
  name: 'config-units',
  reads: 'durations, sizes, addresses of peers',
  holds:
    'whole numbers from 0 on, or nothing; what is shown is read back; a peer that is right makes a list',
  seeds: [
    '1h30m',
    '500ms',
    '64KiB',
    '1.5 GiB',
    '192.168.*',
    '10.0.0.0/8',
    'fd00::/8',
    '::ffff:1.2.3.4',
  ],
  tokens: [
    '1',
    '0',
    '.',
    'ms',
    's',
    'm',
    'h',
    'd',
    'w',
    'k',
    'KiB',
    'i',
    'b',
    ' ',
    '/',
    '*',
    ':',
    '::',
    '%',
    '255',
    '256',
  ],
  longest: 200,
  check(input) {
    const text = textOf(input)
    for (const value of [parseDuration(text), parseBytes(text)]) {
      must(value === undefined || (Number.isSafeInteger(value) && value >= 0), 'no whole number')
    }
    const duration = parseDuration(text)
    if (duration !== undefined && duration > 0) {
      same(parseDuration(formatDuration(duration)), duration, 'the duration')
    }
    if (peerMistake(text) === undefined) new PeerList([text]).has('10.0.0.1')
  },
}

/** Far more than a path of this length takes, on any machine, unless it takes exponential time. */
const LONG = 5_000

const patterns: Target = {
  name: 'config-pattern',
  reads: "regular expressions of locations, Python's too; patterns of Lua",
  holds: 'a pattern that no path makes slow, or what is wrong with it',
  seeds: [
    '/pub/(.+)',
    '/a/(?P<x>[^/]+)/\\d{1,3}\\Z',
    '(?i)/x/([a-z]+)(?:/a+)*',
    '(a+)+',
    '/(?:a|aa)+(b)',
    '%a+%.git$',
    '^[^%w]-x?$',
  ],
  tokens: [
    '(',
    ')',
    '+',
    '*',
    '?',
    '|',
    '[',
    ']',
    '^',
    '$',
    '\\',
    '.',
    '{1,9}',
    '(a+)+',
    '(?:',
    '(?=',
    '(?P<x>',
    '\\1',
    '\\d',
    '%a',
    '%',
    '-',
    'a',
    '/',
  ],
  longest: 40,
  check(input) {
    const found = urlPattern(input)
    if (found.mistake === undefined) {
      const start = performance.now()
      const { regex } = found.pattern
      for (const path of ['a'.repeat(120), `/${'a/'.repeat(60)}!`, `${'ab'.repeat(60)}!`])
        regex.test(path)
      must(performance.now() - start < LONG, `a pattern took ${performance.now() - start} ms`)
    }
    orError(
      () => luaPattern(input),
      (error) => error instanceof SyntaxError,
    )
  },
}

export const CONFIG: readonly Target[] = [yaml, gitpubsub, json, units, patterns]
