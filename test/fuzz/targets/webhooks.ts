import { readdirSync, readFileSync } from 'node:fs'
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import type { HttpRequest } from '../../../src/http/exchange.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { bitbucket } from '../../../src/protocols/webhooks/forges/bitbucket.ts'
import { gitea } from '../../../src/protocols/webhooks/forges/gitea.ts'
import { github } from '../../../src/protocols/webhooks/forges/github.ts'
import { gitlab } from '../../../src/protocols/webhooks/forges/gitlab.ts'
import { boundaryOf, parseMultipart } from '../../../src/protocols/webhooks/multipart.ts'
import { readAnyPayload, readForgePayload } from '../../../src/protocols/webhooks/payload.ts'
import { hmac, HMAC_HEADERS, standard, token } from '../../../src/protocols/webhooks/signature.ts'
import { JsonTemplate, Template } from '../../../src/protocols/webhooks/template.ts'
import { bytesOf, must, orError, same, textOf, type Target } from '../engine.ts'

const FORGES = { github, gitlab, gitea, bitbucket } as const
const NAMES = ['github', 'gitlab', 'gitea', 'bitbucket'] as const
const EVENTS = {
  github: 'x-github-event',
  gitlab: 'x-gitlab-event',
  gitea: 'x-gitea-event',
  bitbucket: 'x-event-key',
}

function isOurs(error: unknown): boolean {
  return error instanceof FanfareError && error.code !== 'internal'
}

function requestOf(body: Buffer, headers: Readonly<Record<string, string>>): HttpRequest {
  return { method: 'POST', path: '/', query: '', peer: '', body, header: (name) => headers[name] }
}

/** What the forges were recorded to send: the event's name in front. */
const PAYLOADS = NAMES.flatMap((forge) => {
  const folder = join('test/fixtures/webhooks', forge)
  return readdirSync(folder).map((file) => {
    // In lines of one kind: the name of the event, its JSON.
    const json: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    return `${file.replace(/\.json$/, '')}\n${bytesOfText(JSON.stringify(json))}`
  })
})

function bytesOfText(text: string): string {
  return Buffer.from(text).toString('latin1')
}

const payloads: Target = {
  name: 'webhooks-payload',
  reads: "the forges' events",
  holds: 'events with a channel and one line each, or one of our errors',
  seeds: PAYLOADS,
  tokens: [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    'null',
    'true',
    '[]',
    '{}',
    '""',
    '\\n',
    '\\u0000',
    '"ref":',
    '"commits":',
    '"repository":',
    '1e400',
  ],
  longest: 40_000,
  check(input, random) {
    const forge = random.pick(NAMES)
    const at = input.indexOf('\n')
    const kind = input.slice(0, Math.max(0, at)).replace('_', random.pick(['_', ':']))
    const body = bytesOf(input.slice(at + 1))
    const request = requestOf(body, { [EVENTS[forge]]: kind, 'content-type': 'application/json' })
    const result = orError(() => FORGES[forge].read(request, readForgePayload(request)), isOurs)
    if (result.error) return
    for (const event of result.value) {
      must(event.channel !== '', 'an event without a channel')
      must(!/[\r\n]/.test(event.line), 'an event of several lines')
      must(
        JSON.parse(event.data) !== undefined && !/[\r\n]/.test(event.data),
        'data of several lines',
      )
      for (const text of Object.values(event.attributes))
        must(!/\p{Cc}/u.test(text), 'an attribute of several lines')
    }
  },
}

const BOUNDARY = 'b-1'
const PART = '--b-1\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n'

const multipart: Target = {
  name: 'webhooks-form',
  reads: 'multipart and urlencoded forms',
  holds: 'the fields that were put in; never more than the bound',
  seeds: [
    `${PART}--b-1--\r\n`,
    `preamble\r\n${PART}${PART}--b-1--\r\nepilogue`,
    '--b-1\r\ncontent-disposition: form-data; name=b; filename="x\\"y"\r\nContent-Type: a/b\r\n\r\n\r\n--b-1--',
  ],
  tokens: [
    '--b-1',
    '--b-1--',
    '\r\n',
    '\r\n\r\n',
    'Content-Disposition: form-data; name="a"',
    'name=',
    '"',
    '\\',
    ';',
    '--',
    '\n',
    PART,
  ],
  check(input, random) {
    orError(() => parseMultipart(input, BOUNDARY, 50), isOurs)
    boundaryOf(`multipart/form-data; ${input}`)
    const value = input.replaceAll('--', '')
    const names = Array.from({ length: 1 + random.small(4) }, (_, n) => `f${n}`)
    const form = names
      .map(
        (name) =>
          `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('')
    const found = parseMultipart(`${form}--${BOUNDARY}--`, BOUNDARY, 50)
    same(
      [...found],
      names.map((name) => [name, [value]]),
      'the fields',
    )
    const type = random.pick([
      'application/x-www-form-urlencoded',
      'application/json',
      `multipart/form-data; boundary=${BOUNDARY}`,
    ])
    orError(() => readAnyPayload(requestOf(bytesOf(input), { 'content-type': type })), isOurs)
  },
}

const SECRET = 'secret'
const WHSEC = Buffer.from('a key of some bytes').toString('base64')
const NOW = 1_700_000_000_000
const HUB = hmac(HMAC_HEADERS.github, [SECRET])
const STANDARD = standard([WHSEC], 300_000, () => NOW)
const TOKEN = token([SECRET])

function refused(error: unknown): boolean {
  return error instanceof FanfareError && error.code === 'unauthorized'
}

function standardHeaders(time: string, signed: string): Record<string, string> {
  return { 'webhook-id': 'id', 'webhook-timestamp': time, 'webhook-signature': signed }
}

const signature: Target = {
  name: 'webhooks-signature',
  reads: 'signatures, times and tokens of webhooks',
  holds: 'what is signed passes; nothing else does, whatever its headers',
  seeds: ['sha256=\nv1,\n1700000000\n{"a":1}', `secret\nv1,${WHSEC} v1,\n1700000300\n`],
  tokens: ['sha256=', 'v1,', 'v1a,', ' ', '\n', 'secret', 'whsec_', '1700000000', '='],
  check(input) {
    const [one = '', two = '', three = '', ...rest] = input.split('\n')
    const body = bytesOf(rest.join('\n'))
    const right = createHmac('sha256', SECRET).update(body).digest('hex')
    HUB.verify(requestOf(body, { 'x-hub-signature-256': `sha256=${right}` }))
    const hub = orError(() => HUB.verify(requestOf(body, { 'x-hub-signature-256': one })), refused)
    must(hub.error !== undefined || one === `sha256=${right}`, 'a wrong signature passed')
    const key = Buffer.from(WHSEC, 'base64')
    const sign = (time: string): string =>
      createHmac('sha256', key).update(`id.${time}.`, 'latin1').update(body).digest('base64')
    STANDARD.verify(requestOf(body, standardHeaders('1700000000', `v1,${sign('1700000000')}`)))
    const given = orError(
      () => STANDARD.verify(requestOf(body, standardHeaders(three, two))),
      refused,
    )
    must(given.error !== undefined || two.includes(sign(three)), 'a wrong signature passed')
    const late = orError(
      () => STANDARD.verify(requestOf(body, standardHeaders(three, `v1,${sign(three)}`))),
      refused,
    )
    if (!late.error) must(Math.abs(Number(three) * 1000 - NOW) <= 300_000, 'an old request passed')
    const word = orError(() => TOKEN.verify(requestOf(body, { 'x-gitlab-token': one })), refused)
    must(
      (word.error === undefined) === (one === SECRET),
      'a wrong token passed, or the right one did not',
    )
  },
}

const template: Target = {
  name: 'webhooks-template',
  reads: 'templates, and what is posted to be put into them',
  holds: 'a text within its bound, or one of our errors; own members alone are shown',
  seeds: [
    '{user.name} did {commits.0.id}\n{"user":{"name":"x"},"commits":[{"id":1}]}',
    '{{}}{payload}\n{"a":[1,{"b":null}]}',
    '{constructor.name}{a.__proto__}\n{"a":{}}',
  ],
  tokens: [
    '{',
    '}',
    '{{',
    '}}',
    '.',
    'payload',
    '{a}',
    '{a.b.0}',
    '"',
    ':',
    '[',
    ']',
    '"a":',
    '\n',
    'length',
    'constructor',
    '__proto__',
  ],
  check(input) {
    const at = input.indexOf('\n')
    const text = textOf(input.slice(0, Math.max(0, at)))
    const made = orError(
      () => new Template(text),
      (error) => error instanceof TypeError,
    )
    const body = bytesOf(input.slice(at + 1))
    const read = orError(() => readAnyPayload(requestOf(body, {})), isOurs)
    if (read.error || made.error) return
    const shown = orError(() => made.value.render(read.value, 500), isOurs)
    if (!shown.error) must(shown.value.length <= 500, 'more than its bound')
    const data = orError(() => new JsonTemplate('a').render(read.value), isOurs)
    if (!data.error && data.value !== undefined) {
      same(JSON.parse(data.value), (read.value.value as { a?: unknown }).a, 'the member')
    }
  },
}

export const WEBHOOKS: readonly Target[] = [payloads, multipart, signature, template]
