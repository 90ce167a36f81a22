import { describe, expect, it } from 'vitest'
import { NO_REQUEST } from '../../../src/http/reply.ts'
import { hmac, HMAC_HEADERS, standard } from '../../../src/protocols/webhooks/signature.ts'
import { PATHS, startServer } from '../../support/server.ts'
import { fixture, FORM, hmacHex, lines, post, standardHeaders, WHSEC } from './support.ts'

function requestOf(headers: Readonly<Record<string, string>>, body: string | Buffer) {
  return { ...NO_REQUEST, body: Buffer.from(body), header: (name: string) => headers[name] }
}

/** Every text that differs from this one in one character, or lacks or adds one. */
function variants(text: string): string[] {
  const one = (at: number): string => String.fromCharCode(text.charCodeAt(at) ^ 1)
  const changed = Array.from(
    { length: text.length },
    (_, at) => text.slice(0, at) + one(at) + text.slice(at + 1),
  )
  return [...changed, text.slice(1), text.slice(0, -1), `${text}0`, text.toUpperCase(), '']
}

function verifyGithub(key: string, body: string, sent: string): void {
  hmac(HMAC_HEADERS.github, [key]).verify(requestOf({ 'x-hub-signature-256': sent }, body))
}

describe("GitHub's documented example", () => {
  const secret = "It's a Secret to Everybody"
  const payload = 'Hello, World!'
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  it('is verified', () => {
    expect(() => verifyGithub(secret, payload, signature)).not.toThrow()
  })

  it('is not, with any byte changed of the secret, the body or the signature', () => {
    for (const other of variants(secret))
      expect(() => verifyGithub(other, payload, signature)).toThrow()
    for (const other of variants(payload))
      expect(() => verifyGithub(secret, other, signature)).toThrow()
    for (const other of variants(signature))
      expect(() => verifyGithub(secret, payload, other)).toThrow()
  })
})

describe('the example of Standard Webhooks', () => {
  const body = '{"test": 2432232314}'
  const example = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const verify = (
    headers: Readonly<Record<string, string>>,
    text = body,
    at = 1614265330,
    key = WHSEC,
  ): void => standard([key], 300_000, () => at * 1000).verify(requestOf(headers, text))

  it('is verified, with or without the prefix of the secret, and beside other signatures', () => {
    const signature = example['webhook-signature']
    expect(() => verify(example)).not.toThrow()
    expect(() => verify(example, body, 1614265330, WHSEC.slice(6))).not.toThrow()
    const several = `v1a,abc v1,AAAA ${signature}`
    expect(() => verify({ ...example, 'webhook-signature': several })).not.toThrow()
    const far = `${'v1,AAAA '.repeat(16)}${signature}`
    expect(() => verify({ ...example, 'webhook-signature': far })).toThrow('does not match')
  })

  it('is not, with anything changed that is signed', () => {
    for (const [name, value] of Object.entries(example)) {
      for (const other of variants(value)) {
        if (other !== value) expect(() => verify({ ...example, [name]: other })).toThrow()
      }
    }
    for (const other of variants(body)) expect(() => verify(example, other)).toThrow()
    expect(() => verify(example, body, 1614265330, 'whsec_AAAA')).toThrow()
  })

  it('holds for five minutes on both sides', () => {
    const at = (seconds: number) => () => verify(example, body, 1614265330 + seconds)
    expect(at(300)).not.toThrow()
    expect(at(-300)).not.toThrow()
    expect(at(301)).toThrow('too far in the past')
    expect(at(-301)).toThrow('too far in the future')
    const odd = { ...example, 'webhook-timestamp': '1614265330.0' }
    expect(() => verify(odd)).toThrow('no number of seconds')
  })
})

const SIGNED: [string, string, Record<string, string>, (body: Buffer) => Record<string, string>][] =
  [
    [
      'github',
      '{ github: { secret: s3cret } }',
      { 'X-GitHub-Event': 'push' },
      (body) => ({ 'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', body)}` }),
    ],
    [
      'github',
      '{ github: { secret: [new, s3cret] } }',
      { 'X-GitHub-Event': 'push' },
      (body) => ({ 'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', body)}` }),
    ],
    [
      'gitlab',
      '{ gitlab: { token: s3crét } }',
      {},
      () => ({ 'X-Gitlab-Token': Buffer.from('s3crét').toString('latin1') }),
    ],
    [
      'gitlab',
      `{ gitlab: { signing_token: ${WHSEC} } }`,
      {},
      (body) => standardHeaders(body.toString()),
    ],
    [
      'gitlab',
      `{ gitlab: { signing_token: ${WHSEC}, token: t } }`,
      {},
      (body) => ({ ...standardHeaders(body.toString()), 'X-Gitlab-Token': 't' }),
    ],
    [
      'gitea',
      '{ gitea: { secret: s3cret } }',
      { 'X-Gitea-Event': 'push' },
      (body) => ({ 'X-Gitea-Signature': hmacHex('s3cret', body) }),
    ],
    [
      'gitea',
      '{ gitea: { secret: s3cret } }',
      { 'X-Forgejo-Event': 'push' },
      (body) => ({ 'X-Forgejo-Signature': hmacHex('s3cret', body), 'X-Gitea-Signature': 'x' }),
    ],
    [
      'gitea',
      '{ gitea: { secret: s3cret } }',
      { 'X-Gogs-Event': 'push' },
      (body) => ({ 'X-Gogs-Signature': hmacHex('s3cret', body) }),
    ],
    [
      'gitea',
      '{ gitea: { secret: s3cret } }',
      { 'X-Gitea-Event': 'push' },
      (body) => ({ 'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', body)}` }),
    ],
    [
      'bitbucket',
      '{ bitbucket: { secret: s3cret } }',
      { 'X-Event-Key': 'repo:push' },
      (body) => ({ 'X-Hub-Signature': `sha256=${hmacHex('s3cret', body)}` }),
    ],
  ]

describe.each(PATHS)('signed requests over $path', ({ lean }) => {
  const start = (yaml: string): ReturnType<typeof startServer> => startServer(yaml, { lean })

  it.each(SIGNED)('of %s are taken from anybody: %s', async (forge, yaml, headers, sign) => {
    const server = await start(`trustedPeers: []\nwebhooks: ${yaml}`)
    const body = fixture(forge, forge === 'bitbucket' ? 'repo_push' : 'push')
    const signed = { ...headers, ...sign(body) }
    const other = Buffer.concat([body, Buffer.from(' ')])

    const right = await post(
      server,
      `/${forge}`,
      { ...signed, 'X-Forwarded-For': '192.0.2.1', Origin: 'https://x.example' },
      body,
    )
    const unsigned = await post(server, `/${forge}`, headers, body)
    const wrong = await post(server, `/${forge}`, { ...headers, ...spoilt(sign(body)) }, other)

    expect(right.status).toBe(200)
    expect(unsigned.status).toBe(401)
    expect(unsigned.headers['www-authenticate']).toBe('Webhook-Signature')
    expect(unsigned.body.toString()).toMatch(/^401 unauthorized: .* is missing/)
    expect(wrong.status).toBe(401)
    expect(wrong.body.toString()).toMatch(/^401 unauthorized: .* does not match/)
    expect(wrong.body.toString()).not.toContain('s3cr')
    expect(await lines(server)).toHaveLength(1)
  })

  it("does not take GitHub's old signature", async () => {
    const server = await start('webhooks: { github: { secret: s3cret } }')
    const reply = await post(server, '/github', { 'X-Hub-Signature': 'sha1=0' }, '{}')
    expect(reply.status).toBe(401)
    expect(reply.body.toString()).toContain('SHA-1')
  })

  it('of GitLab must agree with both of its secrets where both are configured', async () => {
    const server = await start(`webhooks: { gitlab: { signing_token: ${WHSEC}, token: t } }`)
    const body = fixture('gitlab', 'push')
    const signed = standardHeaders(body.toString())

    const signedOnly = await post(server, '/gitlab', { ...signed, 'X-Gitlab-Token': 'x' }, body)
    const tokenOnly = await post(server, '/gitlab', { 'X-Gitlab-Token': 't' }, body)

    expect([signedOnly.status, tokenOnly.status]).toEqual([401, 401])
  })

  it('are signed over the form as it came', async () => {
    const server = await start('webhooks: { github: { secret: s3cret } }')
    const body = new URLSearchParams({ payload: fixture('github', 'push').toString() }).toString()
    const headers = { ...FORM, 'X-GitHub-Event': 'push' }

    const right = await post(
      server,
      '/github',
      { ...headers, 'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', body)}` },
      body,
    )
    const wrong = await post(
      server,
      '/github',
      {
        ...headers,
        'X-Hub-Signature-256': `sha256=${hmacHex('s3cret', fixture('github', 'push'))}`,
      },
      body,
    )

    expect([right.status, wrong.status]).toEqual([200, 401])
  })

  it('says nothing about the body before the signature is right', async () => {
    const server = await start('webhooks: { github: { secret: s3cret } }')
    const reply = await post(server, '/github', { 'X-Hub-Signature-256': 'sha256=0' }, 'not json')
    expect(reply.status).toBe(401)
  })

  it('unsigned ones come from trusted peers where no secret is configured', async () => {
    const nobody = await start('trustedPeers: []')
    const server = await start('')
    const body = fixture('github', 'push')

    const stranger = await post(nobody, '/github', {}, body)
    const forwarded = await post(server, '/github', { 'X-Forwarded-For': '127.0.0.1' }, body)
    const page = await post(server, '/github', { Origin: 'https://x.example' }, body)

    expect([stranger.status, forwarded.status, page.status]).toEqual([403, 403, 403])
  })
})

/** The same headers, and each with another value. */
function spoilt(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      name === 'webhook-timestamp' || name === 'webhook-id' ? value : value.replace(/.$/, '!'),
    ]),
  )
}
