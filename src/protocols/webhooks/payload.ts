import { isUtf8 } from 'node:buffer'
import type { HttpRequest } from '../../http/exchange.ts'
import { parseQuery } from '../../http/query.ts'
import { bytesToText } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { boundaryOf, parseMultipart, tooManyFields } from './multipart.ts'

/** Far more fields than any service posts; far fewer than would be felt. */
const MAX_FIELDS = 1000

/** A form's fields as bytes, one character a byte, in the order given. */
export type Fields = ReadonlyMap<string, readonly string[]>

/** JSON that was posted. */
export interface Payload {
  readonly value: object
  /** The text that `value` was parsed from, as one line. */
  readonly text: string
}

/**
 * The fields of a form; undefined when the Content-Type names no form.
 * @throws FanfareError `bad_request` or `too_many` when the body is not what its Content-Type says
 */
export function readFields(request: HttpRequest): Fields | undefined {
  const contentType = request.header('content-type') ?? ''
  const [type = ''] = contentType.split(';', 1)
  switch (type.trim().toLowerCase()) {
    case 'application/x-www-form-urlencoded':
      return readUrlencoded(request.body.toString('latin1'))
    case 'multipart/form-data': {
      const boundary = boundaryOf(contentType)
      if (boundary === undefined) {
        throw new FanfareError(
          'bad_request',
          'The Content-Type multipart/form-data has no boundary.',
        )
      }
      return parseMultipart(request.body.toString('latin1'), boundary, MAX_FIELDS)
    }
    default:
      return undefined
  }
}

function readUrlencoded(body: string): Fields {
  let fields = 1
  for (let at = body.indexOf('&'); at !== -1; at = body.indexOf('&', at + 1)) {
    // Counted before anything is made of them.
    if (++fields > MAX_FIELDS) throw tooManyFields(MAX_FIELDS)
  }
  const found = parseQuery(body)
  if (!found) {
    throw new FanfareError(
      'bad_request',
      'A % in the form is not followed by two hexadecimal digits.',
    )
  }
  return found
}

/**
 * A field that must be there once.
 * @throws FanfareError `bad_message` that says what is wrong with it
 */
export function onlyField(fields: Fields, name: string): string {
  const values = fields.get(name)
  if (!values) {
    // What `curl -d` sends is a form unless it is told otherwise.
    const [first = ''] = fields.keys()
    const hint = first.startsWith('{')
      ? ' If it is JSON, its Content-Type is application/json.'
      : ''
    throw new FanfareError('bad_message', `The form has no field \`${name}\`.${hint}`)
  }
  if (values.length > 1) {
    throw new FanfareError(
      'bad_message',
      `The form has the field \`${name}\` ${values.length} times.`,
    )
  }
  return values[0] as string
}

/**
 * What a forge posted: JSON, or a form whose field `payload` is JSON.
 * @throws FanfareError in words for whoever set the webhook up
 */
export function readForgePayload(request: HttpRequest): Payload {
  const fields = readFields(request)
  const what = fields ? 'The field `payload`' : 'The body'
  const bytes = fields ? Buffer.from(onlyField(fields, 'payload'), 'latin1') : request.body
  if (bytes.length === 0) {
    throw new FanfareError('bad_message', `${what} is empty; it is to be the event as JSON.`)
  }
  const payload = parsePayload(bytes, what)
  if (Array.isArray(payload.value)) throw notObject(what)
  return payload
}

/**
 * What anybody posted: JSON, or a form as an object of its fields. A form that is nothing but a field
 * `payload` with JSON in it stands for that JSON.
 */
export function readAnyPayload(request: HttpRequest): Payload {
  const fields = readFields(request)
  if (!fields) {
    if (request.body.length > 0) return parsePayload(request.body, 'The body')
    throw new FanfareError('bad_message', 'The body is empty; it is to be JSON or a form.')
  }
  const [single, ...others] = fields.get('payload') ?? []
  if (fields.size === 1 && single !== undefined && others.length === 0 && /^\s*[{[]/.test(single)) {
    return parsePayload(Buffer.from(single, 'latin1'), 'The field `payload`')
  }
  const value = Object.fromEntries(
    [...fields].map(([name, [first = '', ...more]]) => [
      bytesToText(name),
      more.length === 0 ? bytesToText(first) : [first, ...more].map(bytesToText),
    ]),
  )
  return { value, text: JSON.stringify(value) }
}

/**
 * JSON text as a value.
 * @param what names it in errors
 * @throws FanfareError `bad_message`
 */
export function parsePayload(bytes: Buffer, what: string): Payload {
  if (!isUtf8(bytes)) throw new FanfareError('bad_message', `${what} is not UTF-8.`)
  const whole = bytes.toString('utf8')
  const text = whole.startsWith('\ufeff') ? whole.slice(1) : whole
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FanfareError('bad_message', `${what} is not JSON.`)
  }
  if (typeof value !== 'object' || value === null) throw notObject(what)
  return { value, text: oneLine(text.trim()) }
}

function notObject(what: string): FanfareError {
  return new FanfareError('bad_message', `${what} is JSON, but no object.`)
}

/** JSON text has line breaks only between its tokens: there they may be spaces. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, ' ') : json
}
