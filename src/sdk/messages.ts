import { parseJson } from './errors.ts'

/** A message of a channel. */
export interface Message {
  readonly kind: 'message'
  /** Names it within its channel. A subscription's `cursor` says where to go on from. */
  readonly id: string
  readonly channel: string
  /** When it was stored, in ms since 1970. */
  readonly time: number
  /** The publisher's Content-Type. */
  readonly type: string | undefined
  /** What people read: text, or bytes that are no UTF-8. */
  readonly body: string | Uint8Array
  /** What programs read: what was published beside the body, or a JSON body itself. */
  readonly data: unknown
  /** Texts by name. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Messages are missing: some after `from`, up to and including `to`, are not kept any more. */
export interface Gap {
  readonly kind: 'gap'
  readonly from: string
  readonly to: string
}

/** What a subscription gives, in the order in which it happened. */
export type Followed = Message | Gap

interface Envelope {
  id?: unknown
  channel?: unknown
  time?: unknown
  type?: unknown
  body?: unknown
  encoding?: unknown
  data?: unknown
  attributes?: unknown
}

/** A message from the JSON that event streams and WebSockets have it in; undefined for anything else. */
export function messageOf(value: unknown): Message | undefined {
  const { id, channel, time, type, body, encoding, data, attributes } = (value ?? {}) as Envelope
  if (typeof id !== 'string' || typeof channel !== 'string' || typeof body !== 'string') {
    return undefined
  }
  const isJson = typeof type === 'string' && /^\s*application\/(?:[\w.-]+\+)?json\b/i.test(type)
  return {
    kind: 'message',
    id,
    channel,
    time: Number(time),
    type: typeof type === 'string' ? type : undefined,
    body: encoding === 'base64' ? bytesOf(body) : body,
    data: data === undefined && isJson ? parseJson(body) : data,
    attributes: (attributes ?? {}) as Record<string, string>,
  }
}

/** A gap as servers tell it; undefined for anything else. */
export function gapOf(value: unknown): Gap | undefined {
  const { from, to } = (value ?? {}) as Record<string, unknown>
  return typeof from === 'string' && typeof to === 'string' ? { kind: 'gap', from, to } : undefined
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** Bytes as base64, without the call stack's limit on arguments. */
export function base64Of(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8_192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  }
  return btoa(binary)
}
