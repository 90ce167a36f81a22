import type { HttpRequest } from '../../../http/exchange.ts'
import { FanfareError } from '../../../model/errors.ts'
import type { Attributes } from '../../../model/message.ts'
import { firstText, inOneLine, textAt } from '../members.ts'
import type { Payload } from '../payload.ts'

/** Something that happened on a forge, ready to be published. */
export interface ForgeEvent {
  /** `owner/repo`. */
  readonly channel: string
  /** What kind it is, in the forge's words; `push` on all of them. */
  readonly kind: string
  /** What people read. */
  readonly line: string
  /** What programs read: one line of JSON, `{"<kind>":…}`. */
  readonly data: string
  readonly attributes: Attributes
}

/** What differs from forge to forge. */
export interface Forge {
  readonly name: string
  /**
   * What a request tells of. One push may move several refs; a test of the connection is nothing.
   * @throws FanfareError `bad_message` when the payload lacks what makes a channel
   */
  readonly read: (request: HttpRequest, payload: Payload) => readonly ForgeEvent[]
  /** What tells one delivery from another and stays the same when it is repeated. */
  readonly deliveryOf: (request: HttpRequest) => string | undefined
}

/** What is said of an event, and where it can be seen. */
export interface Told {
  readonly line: string
  readonly url?: string | undefined
}

/** An event that is no push: the payload is its data, as it was sent. */
export function plainEvent(
  source: string,
  kind: string,
  channel: string,
  told: Told,
  payload: Payload,
): ForgeEvent {
  const action = firstText(payload.value, 'action', 'object_attributes.action')
  return {
    channel,
    kind,
    line: inOneLine(told.line),
    data: `{${JSON.stringify(kind)}:${payload.text}}`,
    attributes: attributes({ kind, source, action, url: told.url }),
  }
}

/** Longer than any URL, ref or hash that means something. */
const MAX_ATTRIBUTE = 1024

/** Attributes without those that are not there; a cut one would be wrong, so it is left out too. */
export function attributes(all: Readonly<Record<string, string | undefined>>): Attributes {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(all)) {
    if (value === undefined || value === '' || value.length > MAX_ATTRIBUTE) continue
    kept[name] = value.replace(/\p{Cc}+/gu, ' ')
  }
  return kept
}

const KIND = /^[A-Za-z0-9][\w:.-]{0,63}$/

/** The name of an event from a header, or from the payload; `unknown` for what cannot be a name. */
export function kindOf(name: string | undefined): string {
  return name !== undefined && KIND.test(name) ? name : 'unknown'
}

/** For events that nobody has taught us: `octocat label created in octocat/hello-world`. */
export function anyLine(
  who: string,
  kind: string,
  action: string | undefined,
  where: string,
): string {
  const words = `${kind} ${action ?? ''}`.replace(/[_:.-]+/g, ' ').trim()
  return `${who} ${words} in ${where}`
}

/** `#5` behind a noun, when there is a number. */
export function numbered(noun: string, number: string | undefined, mark = '#'): string {
  return number === undefined ? noun : `${noun} ${mark}${number}`
}

/** A line whose first colon, the only one of ours, stands before what somebody wrote. */
export function withTitle(words: string, title: string): string {
  return title === '' ? words : `${words}: ${title}`
}

/** The path of a repository's page, where a payload names the repository in no other way. */
export function pathOfUrl(value: unknown, ...paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const match = /^https?:\/\/[^/?#]+\/(?<path>[^?#]+)$/.exec(textAt(value, path) ?? '')
    if (match?.groups?.['path']) return match.groups['path'].replace(/(?:\.git)?\/?$/, '')
  }
  return undefined
}

export function noRepository(what: string): FanfareError {
  return new FanfareError('bad_message', `The payload has no ${what} to make a channel of.`)
}
