import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { settings } from '../../src/config/schema.ts'
import type { Shape } from '../../src/config/shape.ts'
import { configSchema } from '../../src/server/schema.ts'
import { isSecretKey, shownConfig } from '../../src/services/run/redact.ts'
import { startManaged } from '../protocols/management/support.ts'

const KEY = 'correct-horse-battery'

it('manager/getConfig shows all that holds, and no secret', async () => {
  const { post } = await startManaged(
    `key: ${KEY}`,
    [
      'users: { jwt: { secret: tell-nobody-jwt-0 } }',
      'redis: { port: 0, password: tell-nobody-redis }',
      'webhooks:',
      '  github: { secret: [tell-nobody-1, tell-nobody-2] }',
      '  gitlab: { token: tell-nobody-3, signing_token: whsec_dGVsbC1ub2JvZHktZ2l0bGFi }',
      '  hooks: { own: { channel: c, signature: github, secret: tell-nobody-5 } }',
      'limits: { heartbeat: 20s }',
      '',
    ].join('\n'),
  )
  const reply = await post(
    '/manager/getConfig',
    { nodeId: 'local' },
    { Authorization: `Bearer ${KEY}` },
  )
  const text = reply.body.toString()
  expect(text).not.toContain('tell-nobody')
  expect(text).not.toContain('whsec')
  expect(text).not.toContain(KEY)
  expect(JSON.parse(text)).toMatchObject({
    port: 0,
    address: '127.0.0.1',
    limits: { heartbeat: 20_000 },
    management: { key: '***', port: 0 },
    users: { jwt: { secret: '***', claim: 'sub' } },
    webhooks: {
      github: { secret: '***', channel: '{channel}' },
      hooks: { own: { channel: 'c', secret: '***' } },
    },
    locations: expect.arrayContaining([
      expect.objectContaining({ type: 'publisher', prefix: '/publisher/' }),
    ]) as unknown,
    stores: { default: { type: 'memory' } },
  })
})

it('of a URL, who logs in is hidden', () => {
  const { config } = loadConfig(configSchema(), {
    env: {},
    flags: {},
    file: 'test.yaml',
    text: 'store: { type: redis, url: "redis://me:tell-nobody@localhost:1/0" }',
  })
  expect(shownConfig(config)).toMatchObject({
    stores: { default: { url: 'redis://***@localhost:1/0' } },
  })
})

it('every key that the schema calls secret is hidden by its name', () => {
  const secret: string[] = []
  const visit = (key: string, shape: Shape): void => {
    const { writeOnly, anyOf = [], additionalProperties } = shape
    // Of a URL, only what stands in front of its host.
    if (writeOnly && key !== 'url') secret.push(key)
    const named = { ...shape.properties, ...shape.patternProperties }
    for (const [name, inner] of Object.entries(named)) visit(name, inner)
    for (const branch of anyOf) visit(key, branch)
    if (typeof additionalProperties === 'object') visit(key, additionalProperties)
  }
  const schema = configSchema()
  for (const [key, shape] of Object.entries(schema.keys)) visit(key, shape)
  expect(secret).toContain('key')
  expect(secret).toContain('signing_token')
  expect(secret.filter((key) => !isSecretKey(key))).toEqual([])
  // And nothing else that can be set by itself is.
  const byName = settings(schema).filter(({ path }) => isSecretKey(path.at(-1) ?? ''))
  // But for the name of a file that holds one.
  const hidden = byName.filter(({ path }) => path.at(-2) !== 'tls')
  expect(hidden.map(({ shape }) => shape.writeOnly ?? false)).not.toContain(false)
})

it('manager/status and worker/status tell how this node is', async () => {
  const { post, admin } = await startManaged()
  const status = async (path: string): Promise<unknown> =>
    JSON.parse((await post(path, {})).body.toString())
  expect(await status('/manager/status')).toMatchObject({
    local: {
      state: { up: true, downSince: null },
      config: { hostname: '127.0.0.1', port: admin },
    },
  })
  expect(await status('/worker/status')).toMatchObject({ node: 'local', pid: process.pid })
})
