import { isUtf8 } from 'node:buffer'
import { percentDecode } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import { rawMember } from '../../model/raw-json.ts'
import type { Json, MethodDefinition, Param } from '../definition.ts'
import type { JsonText, Value } from './values.ts'

/** Characters of a text argument. */
export const MAX_TEXT = 4096
/** Characters of the id of a user. */
export const MAX_USER = 255

export type Values = readonly (Value | undefined)[]

/** An object argument that is not JSON: the original answered that in another way than all else. */
export class NotJson extends FanfareError {
  constructor(name: string, thrown: unknown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    super('bad_argument', `${name} is not JSON: ${why}`)
  }
}

/** How many arguments a call may have. */
export function arity({ params }: MethodDefinition): { least: number; most: number } {
  return { least: params.filter(({ optional }) => !optional).length, most: params.length }
}

/**
 * Arguments as segments of a path, as sent: numbers as `parseInt` reads them, objects as JSON.
 * @param segments as many as `arity` allows
 * @throws FanfareError `bad_argument`, in socket-push's words where it had some
 */
export function valuesOfPath({ params }: MethodDefinition, segments: readonly string[]): Values {
  return segments.map((segment, index) => {
    const param = params[index] as Param
    const text = decode(param, segment)
    switch (param.type) {
      case 'user':
        return String(leadingNumber(text))
      case 'number':
        return wholeNumber(param, leadingNumber(text))
      case 'string':
        return textOf(param, text)
      case 'object':
        return jsonOf(param, text)
      default:
        return param.type satisfies never
    }
  })
}

/**
 * Arguments by name, as JSON has them.
 * @param text the JSON object that `named` was parsed from, if it was: objects keep their spelling
 * @throws FanfareError `bad_argument`, naming the argument
 */
export function valuesOfNamed(
  method: MethodDefinition,
  named: Readonly<Record<string, unknown>>,
  text?: string,
): Values {
  knowAll(method, Object.keys(named))
  return method.params.map((param) => {
    const value = Object.hasOwn(named, param.name) ? named[param.name] : undefined
    const written =
      value === undefined || text === undefined ? undefined : rawMember(text, param.name)
    return valueOf(param, value, written)
  })
}

/**
 * Arguments by name, as a form has them: all are texts, numbers in decimal, objects as JSON.
 * @throws FanfareError `bad_argument`, naming the argument
 */
export function valuesOfForm(method: MethodDefinition, form: ReadonlyMap<string, string>): Values {
  knowAll(method, [...form.keys()])
  return method.params.map((param) => {
    const text = form.get(param.name)
    if (text === undefined || param.type !== 'object') return valueOf(param, text)
    return jsonOf(param, text)
  })
}

/** Arguments in order, as JSON has them. @throws FanfareError `bad_argument`, naming the argument */
export function valuesOfList(method: MethodDefinition, list: readonly unknown[]): Values {
  if (list.length > method.params.length) {
    throw bad(`${method.params.length} arguments at most, not ${list.length}.`)
  }
  return method.params.map((param, index) => valueOf(param, list[index]))
}

function valueOf(param: Param, value: unknown, written?: string): Value | undefined {
  if (value === undefined || (value === null && param.optional)) {
    if (param.optional) return undefined
    throw bad(`${param.name} is missing: ${param.description}`)
  }
  switch (param.type) {
    case 'user':
      return userOf(param, value)
    case 'number':
      return wholeNumber(param, value)
    case 'string':
      return textOf(param, value)
    case 'object':
      if (value === null) throw missing(param)
      return { text: written ?? JSON.stringify(value), value: value as Json }
    default:
      return param.type satisfies never
  }
}

function userOf({ name }: Param, value: unknown): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (isText(value, MAX_USER)) return value
  throw bad(`${name}: a whole number, or a text of 1 to ${MAX_USER} characters.`)
}

function wholeNumber({ name }: Param, value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number
  throw bad(`${name}: a whole number, 0 or more.`)
}

function textOf({ name }: Param, value: unknown): string {
  if (isText(value, MAX_TEXT)) return value
  throw bad(`${name}: a text of 1 to ${MAX_TEXT} characters.`)
}

/** Halves of characters have no UTF-8: several texts would be one. */
function isText(value: unknown, most: number): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= most &&
    !/\p{Surrogate}/u.test(value)
  )
}

function jsonOf(param: Param, text: string): JsonText {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new NotJson(param.name, error)
  }
  if (value === null) throw missing(param)
  return { text: text.trim(), value: value as Json }
}

/** @throws FanfareError in socket-push's words */
function leadingNumber(text: string): number {
  const number = Number.parseInt(text, 10)
  // Beyond that, several ids would be one.
  if (!Number.isSafeInteger(number)) throw bad('Expected numeric literal')
  // Not -0.
  return number + 0
}

function decode({ name }: Param, segment: string): string {
  const bytes = percentDecode(segment)
  const text = bytes === undefined ? undefined : Buffer.from(bytes, 'latin1')
  if (!text || !isUtf8(text)) throw bad(`${name}: percent-encoded UTF-8.`)
  return text.toString('utf8')
}

function knowAll({ params }: MethodDefinition, names: readonly string[]): void {
  const stranger = names.find((name) => !params.some((param) => param.name === name))
  if (stranger === undefined) return
  const known = params.map(({ name }) => name).join(', ') || 'none'
  throw bad(`There is no argument ${JSON.stringify(stranger.slice(0, 80))}; known are: ${known}.`)
}

/** `Message missing`, as socket-push said of null. */
function missing({ name }: Param): FanfareError {
  return bad(`${name.slice(0, 1).toUpperCase()}${name.slice(1)} missing`)
}

function bad(detail: string): FanfareError {
  return new FanfareError('bad_argument', detail)
}
