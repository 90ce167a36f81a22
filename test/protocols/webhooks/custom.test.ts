import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/index.ts'
import { configSchema } from '../../../src/server/schema.ts'
import { JsonTemplate, Template } from '../../../src/protocols/webhooks/template.ts'
import { PATHS, startServer } from '../../support/server.ts'
import {
  FORM,
  hmacHex,
  JSON_TYPE,
  lines,
  post,
  published,
  standardHeaders,
  WHSEC,
} from './support.ts'

const DEPLOY = `
webhooks:
  hooks:
    deploy:
      channel: 'deploys/{environment.name}'
      message: '{user.name} deployed {version} to {environment.name}'
      attributes: { revision: '{sha}', note: '{note}', all: '{{{version}}}' }
`
const PAYLOAD =
  '{"user":{"name":"Mona"},"version":1.10,\n"environment":{"name":"staging"},"sha":"abc\\ndef"}'

describe.each(PATHS)('hooks of your own over $path', ({ lean }) => {
  const start = (yaml: string): ReturnType<typeof startServer> => startServer(yaml, { lean })
  const one = (hook: string): ReturnType<typeof startServer> =>
    start(`webhooks: { hooks: { a: ${hook} } }`)

  it('make a message of the JSON that is posted', async () => {
    const server = await start(DEPLOY)

    const reply = await post(server, '/hooks/deploy', JSON_TYPE, PAYLOAD)

    expect(reply.status).toBe(200)
    expect(reply.body.toString()).toBe('OK')
    const [message] = await published(server)
    expect(message?.channel).toBe('deploys/staging')
    expect(message?.body.toString()).toBe('Mona deployed 1.10 to staging')
    expect(message?.contentType).toBe('text/plain; charset=utf-8')
    expect(message?.data).toBe(PAYLOAD.replace('\n', ' '))
    expect(message?.attributes).toEqual({ revision: 'abc def', all: '{1.10}' })
  })

  it('say which member the channel lacks', async () => {
    const server = await start(DEPLOY)
    for (const body of [
      '{}',
      '{"environment":{"name":null}}',
      '{"environment":{"name":""}}',
      '[]',
    ]) {
      const reply = await post(server, '/hooks/deploy', JSON_TYPE, body)
      expect(reply.status).toBe(400)
      expect(reply.body.toString()).toContain('`environment.name`')
    }
    expect(await lines(server)).toEqual([])
  })

  it('take a form as an object of its fields', async () => {
    const server = await one("{ channel: '{To}', message: '{From}: {Body}' }")

    await post(server, '/hooks/a', FORM, 'To=%2B41&From=me&Body=h%C3%A9+llo&Tag=1&Tag=2')
    await post(server, '/hooks/a', FORM, `payload=${encodeURIComponent('{"To":"x","From":1}')}`)

    expect(await lines(server)).toEqual(['+41: me: hé llo', 'x: 1: '])
    const [first] = await published(server)
    expect(JSON.parse(first?.data ?? '')).toEqual({
      To: '+41',
      From: 'me',
      Body: 'hé llo',
      Tag: ['1', '2'],
    })
  })

  it.each([
    ["{ channel: c, message: '{a.b}' }", '{"a":{"b":[1,{"c":2}]}}', '[1,{"c":2}]'],
    ["{ channel: c, message: '{list.1.x} of {list.length}' }", '{"list":[0,{"x":"y"}]}', 'y of 2'],
    ["{ channel: c, message: '{0.x}' }", '[{"x":true}]', 'true'],
    ["{ channel: c, message: '{big}' }", '{"big":12345678901234567890}', '12345678901234567890'],
    ["{ channel: c, message: '{payload.a}' }", '{"a":"b"}', 'b'],
    ['{ channel: c }', '{"a": 1}', '{"a": 1}'],
    [
      "{ channel: c, message: '[{constructor}{__proto__}{a.constructor.name}{a.length}{toString}]' }",
      '{"a":"b"}',
      '[]',
    ],
    ["{ channel: c, message: '{a.b.c}{list.9}{list.x}{none}' }", '{"a":1,"list":[]}', ''],
  ])('%s of %s says %s', async (hook, body, text) => {
    const server = await one(hook)
    await post(server, '/hooks/a', {}, body)
    expect(await lines(server)).toEqual([`c: ${text}`])
  })

  it.each([
    ['payload', '{"a": 1.0}'],
    ["'{payload}'", '{"a": 1.0}'],
    ["'{a}'", '1.0'],
    ["'{b}'", undefined],
    ['none', undefined],
  ])('have the data %s', async (data, expected) => {
    const server = await one(`{ channel: c, data: ${data} }`)
    await post(server, '/hooks/a', {}, '{"a": 1.0}')
    const [message] = await published(server)
    expect(message?.ownData).toBe(expected)
  })

  it.each([
    ["{ channel: '{a}' }", `{"a":"${'ü'.repeat(257)}"}`, 400, '1 to 512 bytes'],
    ["{ channel: '{a}' }", `{"a":"${'x'.repeat(100_000)}"}`, 400, '1 to 512 bytes'],
    [
      "{ channel: c, attributes: { url: '{a}' } }",
      `{"a":"${'x'.repeat(1025)}"}`,
      400,
      '`url` is longer than 1024',
    ],
    ["{ channel: c, message: '{a}{a}{a}' }", `{"a":"${'x'.repeat(90_000)}"}`, 413, 'larger'],
    ["{ channel: c, message: '{a}' }", '"text"', 400, 'is JSON, but no object'],
    ["{ channel: c, message: '{a}' }", '', 400, 'The body is empty'],
    [
      "{ channel: c, message: '{a.0}' }",
      `{"a":[${'['.repeat(40_000)}${']'.repeat(40_000)}]}`,
      400,
      'nested too deeply',
    ],
  ])('%s refuses %.40s with %i', async (hook, body, status, said) => {
    const server = await start(
      `limits: { maxBodyBytes: 200000 }\nwebhooks: { hooks: { a: ${hook} } }`,
    )
    const reply = await post(server, '/hooks/a', {}, body)
    expect(reply.status).toBe(status)
    expect(reply.body.toString()).toContain(said)
    expect(await lines(server)).toEqual([])
  })

  it.each([
    ['standard', WHSEC, (body: string) => standardHeaders(body)],
    ['github', 's', (body: string) => ({ 'X-Hub-Signature-256': `sha256=${hmacHex('s', body)}` })],
    ['gitlab', 's', () => ({ 'X-Gitlab-Token': 's' })],
    ['gitea', 's', (body: string) => ({ 'X-Gitea-Signature': hmacHex('s', body) })],
    ['bitbucket', 's', (body: string) => ({ 'X-Hub-Signature': `sha256=${hmacHex('s', body)}` })],
  ])('may be signed as %s has it', async (signature, secret, sign) => {
    const server = await start(
      `trustedPeers: []\nwebhooks: { hooks: { a: { channel: c, secret: ${secret}, signature: ${signature} } } }`,
    )
    const unsigned = await post(server, '/hooks/a', {}, '{}')
    const signed = await post(server, '/hooks/a', sign('{}'), '{}')
    expect([unsigned.status, signed.status]).toEqual([401, 200])
  })

  it('hold a signed time to the tolerance', async () => {
    const server = await start(
      `webhooks: { tolerance: 10s, hooks: { a: { channel: c, secret: ${WHSEC} } } }`,
    )
    const now = Math.floor(Date.now() / 1000)
    const at = (seconds: number) =>
      post(
        server,
        '/hooks/a',
        standardHeaders('{}', { seconds: now + seconds, id: `${seconds}` }),
        '{}',
      )
    const replies = [await at(-60), await at(0), await at(60)]
    expect(replies.map(({ status }) => status)).toEqual([401, 200, 401])
    expect(replies[0]?.body.toString()).toContain('too far in the past')
    expect(replies[2]?.body.toString()).toContain('too far in the future')
  })

  it('are there under their own names only', async () => {
    const server = await start(DEPLOY)
    const replies = await Promise.all(
      ['/hooks/', '/hooks/other', '/hooks/deploy/', '/hooks/__proto__'].map((path) =>
        post(server, path, {}, PAYLOAD),
      ),
    )
    expect(replies.map(({ status }) => status)).toEqual([404, 404, 404, 404])
  })
})

/** Loads what stands below the key `webhooks`. */
function load(yaml: string) {
  return () => loadConfig(configSchema(), { text: `webhooks: ${yaml}`, file: 'f.yaml', env: {} })
}

describe('the configuration', () => {
  it.each([
    ["{ hooks: { a: { channel: '{a' } } }", 'webhooks.hooks.a.channel'],
    ["{ hooks: { a: { channel: 'a}' } } }", 'webhooks.hooks.a.channel'],
    ["{ hooks: { a: { channel: '{a..b}' } } }", 'webhooks.hooks.a.channel'],
    ["{ hooks: { a: { channel: '' } } }", 'webhooks.hooks.a.channel'],
    ["{ hooks: { a: { message: 'x' } } }", '`channel` is missing'],
    ["{ hooks: { a: { channel: c, message: '{}' } } }", 'webhooks.hooks.a.message'],
    ["{ hooks: { a: { channel: c, data: '{a} {b}' } } }", 'webhooks.hooks.a.data'],
    ["{ hooks: { a: { channel: c, attributes: { 'a b': x } } } }", 'webhooks.hooks.a.attributes'],
    ["{ hooks: { a: { channel: c, attributes: { a: '{' } } } }", 'webhooks.hooks.a.attributes.a'],
    ['{ hooks: { a: { channel: c, signature: md5 } } }', 'webhooks.hooks.a.signature'],
    ["{ hooks: { 'a/b': { channel: c } } }", 'webhooks.hooks'],
    ["{ github: { channel: '{repo}' } }", 'webhooks.github.channel'],
    ['{ github: { secret: "" } }', 'webhooks.github.secret'],
    ['{ github: { secret: [] } }', 'webhooks.github.secret'],
    ['{ github: { token: x } }', 'webhooks.github.token'],
    ['{ store: other }', 'webhooks.store'],
  ])('%s is a mistake in %s', (yaml, path) => {
    expect(load(yaml)).toThrow(path)
  })

  it('never shows a secret', () => {
    expect(load('{ github: { secret: { hush: 1 } } }')).not.toThrow('hush')
    expect(load('{ github: { secret: 4711 } }')).not.toThrow('4711')
  })

  it.each([
    [`{ hooks: { a: { channel: c, secret: 'not base64!' } } }`, 'webhooks.hooks.a.secret'],
    [`{ hooks: { a: { channel: c, signature: github } } }`, 'webhooks.hooks.a.signature'],
    [`{ gitlab: { signing_token: 'whsec_?' } }`, 'webhooks.gitlab.signing_token'],
  ])('%s keeps the server from starting', async (yaml, path) => {
    await expect(startServer(`webhooks: ${yaml}`)).rejects.toThrow(path)
  })

  it('warns of a location that takes a path of this door', () => {
    const { warnings } = load(
      '{ hooks: { a: { channel: c } } }\nlocations: [{ type: publisher, prefix: / }]',
    )()
    expect(warnings.map(({ message }) => message).join()).toContain('/github')
    expect(warnings.map(({ message }) => message).join()).toContain('/hooks/a')
  })
})

describe('a template', () => {
  it.each(['{', 'a}', '{a', '{}', '{a..b}', '{.a}', '{a.}'])('%s is none', (text) => {
    expect(() => new Template(text)).toThrow(TypeError)
  })

  it('keeps what was sent of a member, also deep inside', () => {
    const text = '{"a":{"b":{"c": [1.0, 2]}}}'
    const payload = { value: JSON.parse(text) as object, text }
    expect(new JsonTemplate('a.b').render(payload)).toBe('{"c": [1.0, 2]}')
    expect(new JsonTemplate('a.b.c.0').render(payload)).toBe('1')
  })
})
