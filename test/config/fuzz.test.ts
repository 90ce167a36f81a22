/** Whatever somebody does to a valid file, the answer is a configuration or problems with places. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, formatProblems, loadConfig } from '../../src/config/index.ts'
import { withFeed } from './fixture.ts'

const YAML = `# A file with a bit of everything.
port: 9090
address: ''
store:
  default: &small { type: memory, max_messages: 10, message_timeout: 15m }
  other:
    <<: *small
    max_bytes: 8MiB
locations:
  - type: subscriber
    polling: interval
    url: /redis/(.+)/1/sub/
    store: other
  - { type: publisher, prefix: "/pub/", create_on_post: no }
trustedPeers: [127.0.0.1, "::1", 192.168.0.*, 10.0.0.0/8]
trustedProxies: 10.0.0.1 fd00::/8
limits: { heartbeat: 30s, maxBodyBytes: 64k }
feed: { port: 0 }
`

const JSON_TEXT = JSON.stringify(
  {
    port: 9090,
    store: { type: 'memory', max_messages: 10, message_timeout: '15m' },
    locations: [
      { type: 'subscriber', url: '/(.+)/1/', polling: 'interval' },
      { type: 'publisher', prefix: '/pub/', create_on_post: false },
    ],
    trustedPeers: ['::1'],
    limits: { heartbeat: 30 },
    feed: false,
  },
  null,
  2,
)

/** What confuses parsers; one by one, and in runs. */
const YAML_PIECES = [': ', '- ', '[', ']', '{', '}', ',', '"', "'", '\n', '\n  ', '#', '&a ', '*a']
const ODD_PIECES = ['<<: ', '|', '>', '!x ', '%', '@', '---\n', '...\n', '? ', '~', '.inf', '\t']
const BYTES = ['\0', '\r', '\ufeff', '\ud800', '\u2028']
const REGEX_PIECES = ['(', ')', '+', '(a+)+', '{1,9999}', '\\', '\\1', '(?=', '(?P<', '[^']
const WORDS = [
  '__proto__',
  'constructor',
  'null',
  'true',
  '1e400',
  '-1',
  'type',
  'default',
  'store: ',
]
const PIECES = [YAML_PIECES, ODD_PIECES, BYTES, REGEX_PIECES, WORDS].flat()

/** One edit: cut a piece out, put a piece in, or repeat one. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat({ max: 12 }),
  insert: fc.oneof(
    fc.constantFrom(...PIECES),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc
      .tuple(fc.constantFrom(...PIECES), fc.integer({ min: 2, max: 200 }))
      .map(([p, n]) => p.repeat(n)),
  ),
})

function edited(
  text: string,
  edits: readonly { at: number; cut: number; insert: string }[],
): string {
  let result = text
  for (const { at, cut, insert } of edits) {
    const index = Math.floor(at * result.length)
    result = result.slice(0, index) + insert + result.slice(index + cut)
  }
  return result
}

function survives(text: string, format: 'yaml' | 'json', env = {}): void {
  try {
    const { config, warnings } = loadConfig(withFeed, { file: 'f', text, format, env })
    expect(Number.isInteger(config.port)).toBe(true)
    const types = Object.values(config.stores).map(({ type }) => type)
    expect(types.every((type) => type === 'memory' || type === 'file')).toBe(true)
    formatProblems(warnings, { color: true })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.problems.length).toBeGreaterThan(0)
    const lines = text.split(/\r\n|\r|\n/)
    for (const problem of error.problems) {
      expect(problem.message).not.toBe('')
      expect(problem.line).toBeGreaterThanOrEqual(1)
      expect(problem.column).toBeGreaterThanOrEqual(1)
      expect(problem.length).toBeGreaterThanOrEqual(1)
      if (problem.origin !== 'file') continue
      expect(problem.excerpt ?? lines[problem.line - 1]).toBe(lines[problem.line - 1])
      expect(problem.column).toBeLessThanOrEqual((lines[problem.line - 1] ?? '').length + 2)
    }
    formatProblems(error.problems, { color: true })
  }
}

describe('any change to a valid file', () => {
  it('is a valid file to begin with', () => {
    expect(loadConfig(withFeed, { text: YAML, env: {} }).config.port).toBe(9090)
    expect(loadConfig(withFeed, { text: JSON_TEXT, format: 'json', env: {} }).config.port).toBe(
      9090,
    )
  })

  it('in YAML loads, or is refused with places', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
        survives(edited(YAML, edits), 'yaml')
      }),
      { numRuns: 600 },
    )
  })

  it('in JSON loads, or is refused with places', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        survives(edited(JSON_TEXT, edits), 'json')
      }),
      { numRuns: 300 },
    )
  })

  it('by values of every kind in every place loads, or is refused with places', () => {
    const key = fc.constantFrom(
      'port',
      'store',
      'locations',
      'limits',
      'feed',
      'trustedPeers',
      'type',
      'x',
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false, 0, -1, 1.5, '', 'memory', 'default', '/a/(.+)', '5s'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(fc.dictionary(key, value), (config) => {
        survives(JSON.stringify(config), 'json')
        survives(JSON.stringify(config), 'yaml')
      }),
      { numRuns: 300 },
    )
  })

  it('by variables of any text loads, or is refused with places', () => {
    const name = fc.constantFrom(
      'PORT',
      'ADDRESS',
      'STORE',
      'STORE__TYPE',
      'STORE__OTHER__TYPE',
      'LOCATIONS',
      'LIMITS__HEARTBEAT',
      'FEED',
      'FEED__PORT',
      'TRUSTED_PEERS',
      'NONSENSE',
      '__',
    )
    const text = fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 10 }), fc.json())
    const variables = fc.dictionary(
      name.map((part) => `FANFARE_${part}`),
      text,
    )
    fc.assert(
      fc.property(variables, (env) => survives(YAML, 'yaml', env)),
      { numRuns: 300 },
    )
  })
})
