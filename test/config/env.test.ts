import { describe, expect, it } from 'vitest'
import { ConfigError, formatProblems, loadConfig, settings } from '../../src/config/index.ts'
import { envName } from '../../src/config/schema.ts'
import { load, problemsOf, schema, withFeed } from './fixture.ts'

describe('the name of a variable', () => {
  it.each([
    [['port'], 'FANFARE_PORT'],
    [['trustedPeers'], 'FANFARE_TRUSTED_PEERS'],
    [['store', 'max_messages'], 'FANFARE_STORE__MAX_MESSAGES'],
    [['limits', 'maxBodyBytes'], 'FANFARE_LIMITS__MAX_BODY_BYTES'],
    [['store', 'my-store', 'type'], 'FANFARE_STORE__MY_STORE__TYPE'],
  ])('of %j is %s', (path, expected) => {
    expect(envName(path)).toBe(expected)
  })

  it('is different for every setting', () => {
    const names = settings(withFeed).map((setting) => setting.env)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toContain('FANFARE_FEED__PORT')
  })
})

describe('a variable', () => {
  it('goes before the file', () => {
    const { config } = load('port: 1\nlimits: { heartbeat: 1s, idleTimeout: 2s }', {
      env: { FANFARE_PORT: '2', FANFARE_LIMITS__HEARTBEAT: '5s' },
    })
    expect(config.port).toBe(2)
    expect(config.limits).toMatchObject({ heartbeat: 5000, idleTimeout: 2000 })
  })

  it('works without a file', () => {
    expect(loadConfig(schema, { env: { FANFARE_PORT: '9' } }).config.port).toBe(9)
  })

  it('takes lists and maps in YAML’s flow form', () => {
    const { config } = load('', {
      env: {
        FANFARE_TRUSTED_PEERS: '[10.0.0.1, "::1"]',
        FANFARE_LOCATIONS: '[{ type: publisher, prefix: /p/ }]',
        FANFARE_LIMITS: '{ heartbeat: 1 }',
        FANFARE_LIMITS__IDLE_TIMEOUT: '3',
      },
    })
    expect(config.trustedPeers).toEqual(['10.0.0.1', '::1'])
    expect(config.locations.map((location) => location.prefix)).toEqual(['/p/'])
    expect(config.limits).toMatchObject({ heartbeat: 1000, idleTimeout: 3000 })
  })

  it('takes several peers with spaces or commas', () => {
    const env = { FANFARE_TRUSTED_PEERS: '::1, 10.0.0.0/8 192.168.*' }
    expect(load('', { env }).config.trustedPeers).toEqual(['::1', '10.0.0.0/8', '192.168.*'])
  })

  it('for text is taken as it stands', () => {
    const env = { FANFARE_FEED__SECRET: '0x12: #&*@ {' }
    const { config } = load('', { schema: withFeed, env })
    expect(config.doors['feed']).toMatchObject({ secret: '0x12: #&*@ {' })
  })

  it('that is empty is not set: it cannot open all interfaces by accident', () => {
    expect(load('', { env: { FANFARE_ADDRESS: '', FANFARE_PORT: ' ' } }).config.address).toBe(
      '127.0.0.1',
    )
    expect(load('', { env: { FANFARE_ADDRESS: "''" } }).config.address).toBe('')
  })

  it('for an option of the one store', () => {
    const env = { FANFARE_STORE__MAX_MESSAGES: '5', FANFARE_STORE__MESSAGE_TIMEOUT: '1h' }
    const expected = { max_messages: 5, message_timeout: 3_600_000 }
    expect(load('', { env }).config.stores).toMatchObject({
      default: { type: 'file', ...expected },
    })
    const text = 'store: { type: memory, max_messages: 1 }'
    expect(load(text, { env }).config.stores).toMatchObject({
      default: { type: 'memory', ...expected },
    })
    const path = { FANFARE_STORE__PATH: '/tmp/elsewhere' }
    expect(load('', { env: path }).config.stores['default']).toMatchObject({
      type: 'file',
      path: '/tmp/elsewhere',
    })
  })

  it('for an option of a store with a name', () => {
    const text = 'store: { default: { type: memory }, my-store: { type: memory } }'
    const env = { FANFARE_STORE__MY_STORE__MAX_MESSAGES: '5' }
    expect(load(text, { env }).config.stores['my-store']).toMatchObject({ max_messages: 5 })
  })

  it('for all stores decides which names there are', () => {
    const env = {
      FANFARE_STORE: '{ default: { type: memory }, b: { type: memory } }',
      FANFARE_STORE__B__MAX_MESSAGES: '7',
    }
    expect(load('', { env }).config.stores['b']).toMatchObject({ max_messages: 7 })
  })

  it('does not change another place that shares its value by an alias', () => {
    const text = 'store:\n  default: &s { type: memory }\n  b: *s\n'
    const { config } = load(text, { env: { FANFARE_STORE__B__MAX_MESSAGES: '7' } })
    expect(config.stores['default']).toMatchObject({ max_messages: 100_000 })
    expect(config.stores['b']).toMatchObject({ max_messages: 7 })
  })

  it('switches a door off, and sets its options', () => {
    expect(load('', { schema: withFeed, env: { FANFARE_FEED: 'off' } }).config.doors['feed']).toBe(
      false,
    )
    const env = { FANFARE_FEED__PORT: '0', FANFARE_FEED__LINE: '1k' }
    expect(load('', { schema: withFeed, env }).config.doors['feed']).toMatchObject({
      port: 0,
      line: 1024,
    })
  })

  it('does not open a door that the file has switched off, and says so', () => {
    const env = { FANFARE_FEED__PORT: '0' }
    const { config, warnings } = load('feed: false', { schema: withFeed, env })
    expect(config.doors['feed']).toBe(false)
    expect(warnings).toMatchObject([
      { file: 'FANFARE_FEED__PORT', message: 'has no effect: `feed` is off' },
    ])
  })
})

describe('a mistake in a variable', () => {
  it('names the variable, the key and the value', () => {
    const problems = problemsOf('port: 1', { env: { FANFARE_PORT: 'x' } })
    expect(formatProblems(problems, { color: false })).toBe(
      [
        'FANFARE_PORT: port: expected a whole number from 0 to 65535, found the text `x`',
        '      | x',
        '      | ^',
      ].join('\n'),
    )
  })

  it('in YAML has a position', () => {
    const [problem] = problemsOf('', { env: { FANFARE_TRUSTED_PEERS: '[10.0.0.1' } })
    expect(problem).toMatchObject({ file: 'FANFARE_TRUSTED_PEERS', line: 1, path: 'trustedPeers' })
  })

  it('in its name gives the nearest name, and keeps its value to itself', () => {
    const problems = problemsOf('', {
      schema: withFeed,
      env: {
        FANFARE_PROT: 'hunter2',
        FANFARE_FEED__SECRETT: 'hunter2',
        FANFARE_WHATEVER: 'hunter2',
      },
    })
    expect(problems.map((problem) => [problem.file, problem.suggestion])).toEqual([
      ['FANFARE_FEED__SECRETT', 'FANFARE_FEED__SECRET'],
      ['FANFARE_PROT', 'FANFARE_PORT'],
      ['FANFARE_WHATEVER', undefined],
    ])
    const shown = formatProblems(problems, { color: false }) + new ConfigError(problems).message
    expect(shown).not.toContain('hunter2')
    expect(shown).toContain('did you mean `FANFARE_PORT`?')
  })

  it('is told together with those of the file', () => {
    const problems = problemsOf('prot: 1', { env: { FANFARE_PORT: 'x' } })
    expect(problems.map((problem) => problem.file)).toEqual(['fanfare.yaml', 'FANFARE_PORT'])
  })

  it('is not made by variables of others', () => {
    const env = {
      FANFARE_TEST_REDIS: '1',
      FANFARE_BENCH_TIME: '1',
      FANFARE_URL: 'http://x',
      FANFARE_CONFIG: 'x',
      FANFARE_KEY: 'x',
      FANFARE_lower: 'x',
      FANFARE_UNSET: undefined,
      // What Kubernetes tells of a service with the name "fanfare".
      FANFARE_PORT: 'tcp://10.0.0.1:8080',
      FANFARE_PORT_8080_TCP_ADDR: '10.0.0.1',
      FANFARE_SERVICE_HOST: '10.0.0.1',
      FANFARE_SERVICE_PORT_HTTP: '8080',
      PORT: '1',
    }
    expect(load('', { env }).config.port).toBe(8080)
  })
})

describe('a flag', () => {
  it('goes before the environment', () => {
    const env = { FANFARE_PORT: '2', FANFARE_ADDRESS: '::1' }
    const { config } = load('port: 1', { env, flags: { port: '3', address: undefined } })
    expect(config).toMatchObject({ port: 3, address: '::1' })
  })

  it('may be a value of the program, and name a key inside', () => {
    const flags = { port: 0, address: '', 'limits.heartbeat': '5s' }
    const { config } = load('', { flags })
    expect(config).toMatchObject({ port: 0, address: '' })
    expect(config.limits.heartbeat).toBe(5000)
  })

  it('is named in its mistake', () => {
    expect(problemsOf('', { flags: { port: 'x' } })).toMatchObject([
      { file: '--port', path: 'port', line: 1, column: 1 },
    ])
  })
})
