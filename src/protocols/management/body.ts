import { isUtf8 } from 'node:buffer'
import type { HttpRequest } from '../../http/exchange.ts'
import { parseQuery } from '../../http/query.ts'
import { FanfareError } from '../../model/errors.ts'
import { isJsonType } from '../../model/message.ts'
import type { MethodDefinition } from '../../services/definition.ts'
import { type Values, valuesOfForm, valuesOfNamed } from '../../services/run/args.ts'

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i
/** No method has nearly as many arguments. */
const MOST_FIELDS = 100

/**
 * The arguments in the body of a POST: a JSON object, or a form.
 * @throws FanfareError `bad_request`, `bad_argument`
 */
export function valuesOfBody(method: MethodDefinition, request: HttpRequest): Values {
  const { body } = request
  const type = request.header('content-type')
  if (!isUtf8(body)) throw new FanfareError('bad_request', 'The body is not UTF-8.')
  const text = body.toString('utf8').trim()
  if (text === '') return valuesOfNamed(method, {})
  const form = type !== undefined && FORM.test(type)
  // `curl -d '{…}'` calls its JSON a form.
  if (text.startsWith('{') && (form || type === undefined || isJsonType(type))) {
    return valuesOfNamed(method, objectOf(text), text)
  }
  if (form) return valuesOfForm(method, formOf(text))
  throw new FanfareError(
    'bad_request',
    'The body is a JSON object of named arguments (Content-Type: application/json), or a form.',
  )
}

function objectOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    throw new FanfareError(
      'bad_request',
      `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function formOf(text: string): Map<string, string> {
  const query = text.split('&', MOST_FIELDS + 1).length > MOST_FIELDS ? undefined : parseQuery(text)
  if (!query) throw new FanfareError('bad_request', 'The body is not a form that could be read.')
  const fields = new Map<string, string>()
  for (const [name, values] of query) {
    const bytes = Buffer.from(values.at(-1) ?? '', 'latin1')
    if (!isUtf8(bytes)) throw new FanfareError('bad_request', `${name} is not UTF-8.`)
    fields.set(name, bytes.toString('utf8'))
  }
  return fields
}
