import { FanfareError } from '../../model/errors.ts'
import { rawMember } from '../../model/raw-json.ts'
import { memberAt } from './members.ts'
import type { Payload } from './payload.ts'

type Piece = string | { readonly path: readonly string[]; readonly name: string }

/** `{payload}` is all of what was posted, and `{payload.x}` the same as `{x}`. */
const WHOLE = 'payload'

/**
 * Text with members of what was posted in it: `{user.name} deployed {commits.0.id}`. `{{` and `}}` are
 * the braces themselves.
 */
export class Template {
  readonly #pieces: readonly Piece[]

  /** @throws TypeError for text that is no template; the configuration's schema lets none through */
  constructor(text: string) {
    const pieces: Piece[] = []
    for (const [piece] of text.matchAll(/\{\{|\}\}|\{[^{}]*\}|[^{}]+|[{}]/g)) {
      if (piece === '{{' || piece === '}}') pieces.push(piece.slice(1))
      else if (piece === '{' || piece === '}') throw new TypeError(`a lone ${piece} in ${text}`)
      else if (piece.startsWith('{')) pieces.push(reference(piece.slice(1, -1)))
      else pieces.push(piece)
    }
    this.#pieces = pieces
  }

  /**
   * The text for one payload. A member that is missing or null is an empty text; objects and lists are
   * shown as JSON.
   * @param most characters
   * @param missing hears of each member that came out empty
   * @throws FanfareError `too_large`
   */
  render(payload: Payload, most: number, missing?: (name: string) => void): string {
    let text = ''
    for (const piece of this.#pieces) {
      const shown = typeof piece === 'string' ? piece : show(payload, piece.path)
      if (typeof piece !== 'string' && shown === '') missing?.(piece.name)
      if (text.length + shown.length > most) throw new FanfareError('too_large')
      text += shown
    }
    return text
  }
}

/** Reads a reference such as `user.name` as one JSON value. */
export class JsonTemplate {
  readonly #path: readonly string[]

  /** @param name as it stands between the braces */
  constructor(name: string) {
    this.#path = reference(name).path
  }

  /** One line of JSON; undefined when the member is missing. */
  render(payload: Payload): string | undefined {
    const text = jsonAt(payload, this.#path)
    // A copy: a slice would keep the whole request in memory for as long as the message lives.
    return text === undefined || text === payload.text ? text : Buffer.from(text).toString('utf8')
  }
}

function reference(name: string): { path: readonly string[]; name: string } {
  const path = name.split('.')
  if (path.includes('')) throw new TypeError(`{${name}} names no member`)
  return { name, path: path[0] === WHOLE ? path.slice(1) : path }
}

function show(payload: Payload, path: readonly string[]): string {
  const value = memberAt(payload.value, path)
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  return jsonAt(payload, path) ?? ''
}

/** A member's JSON, as it was sent unless it lies in a list: large numbers keep their digits. */
function jsonAt({ value, text }: Payload, path: readonly string[]): string | undefined {
  let member: unknown = value
  let raw: string | undefined = text
  for (const name of path) {
    const inObject = !Array.isArray(member)
    member = memberAt(member, [name])
    if (member === undefined) return undefined
    raw = inObject && raw !== undefined ? rawMember(raw, name) : undefined
  }
  if (raw !== undefined) return raw
  try {
    return JSON.stringify(member)
  } catch {
    throw new FanfareError('bad_message', 'The payload is nested too deeply to be shown.')
  }
}
