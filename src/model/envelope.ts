import { isUtf8 } from 'node:buffer'
import { bytesToText, type ChannelName } from './channel.ts'
import { FanfareError } from './errors.ts'
import { formatId } from './id.ts'
import type { Draft, Message } from './message.ts'
import { rawMember } from './raw-json.ts'

/**
 * A message as one line of JSON, as WebSocket and the JSON form of SSE show it:
 * `{"id","channel","time","type","body"}`, then `data` where it was published beside the body,
 * `attributes` where there are any, and `"encoding":"base64"` where the body is not UTF-8 text.
 * @param cursor what to come back with, where that is not the id
 */
export function envelopeOf(message: Message, cursor?: string): string {
  const { contentType, body, ownData, attributes } = message
  const text = isUtf8(body)
  let json = `{"id":"${formatId(message.id)}","channel":${quote(bytesToText(message.channel))}`
  json += `,"time":${message.time}`
  if (contentType !== undefined) json += `,"type":${quote(contentType)}`
  json += `,"body":${text ? quote(body.toString('utf8')) : `"${body.toString('base64')}"`}`
  if (!text) json += ',"encoding":"base64"'
  if (ownData !== undefined) json += `,"data":${oneLine(ownData)}`
  if (attributes) json += `,"attributes":${JSON.stringify(attributes)}`
  if (cursor !== undefined) json += `,"cursor":"${cursor}"`
  return `${json}}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}

/** JSON text has line breaks only between its tokens: there they may be spaces. */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json
}

const FIELDS = new Set(['body', 'type', 'data', 'attributes', 'encoding', 'ttl', 'key'])
const MAX_ATTRIBUTES = 32
const MAX_ATTRIBUTE_BYTES = 4096
const MAX_KEY = 255
/** A year: far beyond what any store keeps. */
const MAX_TTL = 366 * 24 * 3600

/**
 * A publisher's JSON object as a draft: `body` (text, or base64 with `"encoding":"base64"`), `data`
 * (any JSON), `type`, `attributes` (texts by name), `ttl` (seconds), `key` (idempotency key).
 * Without a body, the data is the body too, as JSON.
 * @param text the JSON that `value` was parsed from
 * @param extra fields that the caller reads itself
 * @throws FanfareError `bad_message` naming the field
 */
export function draftOf(
  value: unknown,
  text: string,
  channel: ChannelName,
  extra: readonly string[] = [],
): Draft {
  if (!isObject(value)) throw bad('a message is a JSON object such as {"body":"hello"}')
  for (const field of Object.keys(value)) {
    if (!FIELDS.has(field) && !extra.includes(field)) {
      throw bad(`unknown field ${quote(field.slice(0, 80))}; known are ${[...FIELDS].join(', ')}`)
    }
  }
  const data = dataOf(value, text)
  const body = bodyOf(value, data)
  const type = optionalText(value, 'type')
  const { ttl } = value
  if (ttl !== undefined && typeof ttl !== 'number') throw bad('`ttl` is a number of seconds')
  // Data that is the whole message is its body, and a JSON body is its own data.
  const alone = value['body'] === undefined && type === undefined
  return {
    channel,
    body,
    contentType: alone ? 'application/json' : type,
    data: alone ? undefined : data,
    attributes: attributesOf(value['attributes']),
    ttl: checkTtl(ttl),
    key: checkKey(optionalText(value, 'key')),
  }
}

/** @throws FanfareError `bad_expiry` */
export function checkTtl(ttl: number | undefined): number | undefined {
  if (ttl === undefined) return undefined
  if (!Number.isInteger(ttl) || ttl < 0) throw new FanfareError('bad_expiry')
  return Math.min(ttl, MAX_TTL)
}

/** @throws FanfareError `bad_key` */
export function checkKey(key: string | undefined): string | undefined {
  if (key !== undefined && (key.length === 0 || key.length > MAX_KEY)) {
    throw new FanfareError('bad_key')
  }
  return key
}

function dataOf(value: Record<string, unknown>, text: string): string | undefined {
  const data = value['data'] === undefined ? undefined : rawMember(text, 'data')
  // A copy: a slice would keep the whole request in memory for as long as the message lives.
  return data === undefined ? undefined : Buffer.from(data).toString('utf8')
}

function bodyOf(value: Record<string, unknown>, data: string | undefined): Buffer {
  const { body, encoding } = value
  if (body === undefined) {
    if (data === undefined) throw bad('a message has a `body`, or `data`, or both')
    if (encoding !== undefined) throw bad('`encoding` goes with a `body`')
    return Buffer.from(data)
  }
  if (typeof body !== 'string') throw bad('`body` is a text; JSON goes into `data`')
  if (encoding === undefined) return Buffer.from(body)
  if (encoding !== 'base64') throw bad('`encoding` is "base64" or left out')
  const digits = body.replace(/={1,2}$/, '')
  const padded = digits.length < body.length
  if (
    !/^[A-Za-z0-9+/]*$/.test(digits) ||
    digits.length % 4 === 1 ||
    (padded && body.length % 4 !== 0)
  ) {
    throw bad('`body` is not base64')
  }
  return Buffer.from(digits, 'base64')
}

function attributesOf(value: unknown): Record<string, string> | undefined {
  if (value === undefined) return undefined
  if (!isObject(value)) throw bad('`attributes` is an object of texts')
  const entries = Object.entries(value)
  let size = 0
  const attributes: [string, string][] = []
  for (const [name, text] of entries) {
    if (typeof text !== 'string') throw bad(`attribute ${quote(name.slice(0, 80))} is not a text`)
    if (!/^[A-Za-z_][\w.-]{0,63}$/.test(name))
      throw bad(`${quote(name.slice(0, 80))} is no name for an attribute`)
    size += name.length + text.length
    attributes.push([name, text])
  }
  if (entries.length > MAX_ATTRIBUTES || size > MAX_ATTRIBUTE_BYTES) {
    throw bad(
      `attributes: at most ${MAX_ATTRIBUTES}, and ${MAX_ATTRIBUTE_BYTES} characters together`,
    )
  }
  // Not by assignment: `__proto__` is a name like any other.
  return entries.length > 0 ? Object.fromEntries(attributes) : undefined
}

function optionalText(value: Record<string, unknown>, field: string): string | undefined {
  const found = value[field]
  if (found !== undefined && typeof found !== 'string') throw bad(`\`${field}\` is a text`)
  return found
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(detail: string): FanfareError {
  return new FanfareError('bad_message', detail)
}
