/**
 * The context in which a message was published, as tracing programs hand it on: `traceparent` of W3C Trace
 * Context (https://www.w3.org/TR/trace-context/). It is an attribute of the message of that name.
 */
import type { Attributes, Draft } from './message.ts'

export const TRACEPARENT = 'traceparent'

/** Of version 00; later ones may have more behind. */
const LENGTH = 55
const FORM =
  /^(?!ff)(?<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?<more>-.*)?$/
/** Of what a later version brings nothing is kept, and not much is even looked at. */
const LONGEST = 512

/**
 * The context in a header, as version 00 has it; undefined for none, and for what is none: by the
 * specification, that is not to be handed on, and no error.
 */
export function traceIn(header: string | undefined): string | undefined {
  if (header === undefined || header.length < LENGTH || header.length > LONGEST) return undefined
  const groups = FORM.exec(header)?.groups
  if (!groups || (groups['version'] === '00' && header.length !== LENGTH)) return undefined
  return `00${header.slice(2, LENGTH)}`
}

/** The attributes with the context, unless they have one: whoever wrote the message knows best. */
export function traced(attributes: Attributes | undefined, trace: string): Attributes {
  if (attributes?.[TRACEPARENT] !== undefined) return attributes
  return { ...attributes, [TRACEPARENT]: trace }
}

/** A draft in the context that its request came with, if it came with one. */
export function inTrace<T extends Omit<Draft, 'channel'>>(draft: T, header: string | undefined): T {
  const trace = header === undefined ? undefined : traceIn(header)
  return trace === undefined ? draft : { ...draft, attributes: traced(draft.attributes, trace) }
}

/** Attributes but for the context: a message that is sent again is the same, in another context. */
export function untraced(attributes: Attributes | undefined): Attributes | undefined {
  if (attributes?.[TRACEPARENT] === undefined) return attributes
  const { [TRACEPARENT]: _, ...rest } = attributes
  return Object.keys(rest).length === 0 ? undefined : rest
}
