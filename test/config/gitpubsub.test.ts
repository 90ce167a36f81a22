import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import type { ResolvedConfig } from '../../src/config/types.ts'
import { configSchema } from '../../src/server/schema.ts'

const FILE = 'test/fixtures/gitpubsub.cfg'
const ORIGINAL = readFileSync(FILE, 'utf8')

function load(text: string, file = 'gitpubsub.cfg'): ResolvedConfig {
  return loadConfig(configSchema(), { text, file, env: {} }).config
}

function problems(text: string): string[] {
  try {
    load(text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ line, column, path, message }) =>
      `${line}:${column} ${path}: ${message}`.slice(0, 90),
    )
  }
  return []
}

describe("an original's gitpubsub.cfg", () => {
  it('is taken as it is', () => {
    const { config, warnings } = loadConfig(configSchema(), { file: FILE, env: {} })
    expect(config.doors['feed']).toMatchObject({ port: 2069, address: '0.0.0.0' })
    expect(config.trustedPeers).toEqual(['127.0.0.*', '192.168.0.*'])
    expect(config.address).toBe('127.0.0.1')
    expect(warnings).toEqual([])
  })

  it('is known by its name, or by --format', () => {
    const { config } = loadConfig(configSchema(), {
      text: ORIGINAL,
      file: 'feed.conf',
      format: 'gitpubsub',
      env: {},
    })
    expect(config.doors['feed']).toMatchObject({ port: 2069 })
  })

  it('listens on all interfaces where it does not say, as the original does', () => {
    expect(load('[Server]\nport: 2070\n').doors['feed']).toMatchObject({ port: 2070, address: '' })
    expect(load('').doors['feed']).not.toHaveProperty('address')
  })

  it('may name a UNIX socket instead of a port', () => {
    expect(load('[Server]\nport: /run/feed.sock\n').doors['feed']).toMatchObject({
      port: '/run/feed.sock',
    })
  })

  it('may be written as its fork has it: small letters, equals signs, other comments', () => {
    const text = '; fork\n[server]\nport = 2071 # the port\r\n\n[clients]\nTRUSTEDPEERS = ::1\n'
    const config = load(text)
    expect(config.doors['feed']).toMatchObject({ port: 2071 })
    expect(config.trustedPeers).toEqual(['::1'])
  })

  it('has its mistakes pointed at, all at once', () => {
    const text = ORIGINAL.replace('port: 2069', 'prot: 2069')
      .replace('[Clients]', '[Client]')
      .replace('scanCriteria: %.git', 'scanCriteria')
    expect(problems(text)).toEqual([
      '4:1 Server.prot: unknown key; did you mean `port`?',
      '9:1 : expected `[Section]` or `key: value`',
      '12:1 : unknown key; did you mean `Clients`?',
    ])
    expect(problems(ORIGINAL.replace('192.168.0.*', 'intranet'))).toEqual([
      expect.stringMatching(/^13:25 trustedPeers: expected an address/),
    ])
    expect(problems('[Server]\nport: 99999\n')).toEqual([
      expect.stringMatching(/^2:7 feed\.port: expected/),
    ])
  })
})

describe('a location that takes the path of a door', () => {
  it('is warned of', () => {
    const schema = configSchema()
    const fixed = { ...schema, fixedPaths: () => ['/', '/github'] }
    const warned = (location: string) =>
      loadConfig(fixed, { text: `locations: [${location}]`, file: 'x.yaml', env: {} }).warnings
    expect(warned('{ type: publisher, prefix: /git }')).toEqual([
      expect.objectContaining({
        severity: 'warning',
        path: 'locations[0].prefix',
        message: expect.stringContaining('publisher /git takes /github') as string,
      }),
    ])
    expect(warned("{ type: publisher, url: '/pub/(.+)' }")).toEqual([])
  })
})
