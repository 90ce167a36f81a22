import type { ChannelName } from './channel.ts'
import { idSecond, type MessageId } from './id.ts'

/** Small facts about a message that programs read: `revision`, `event`, `source`, `url`, … */
export type Attributes = Readonly<Record<string, string>>

/**
 * Bytes in a block that many bodies share. A Buffer of its own costs a short body more than its bytes,
 * and the garbage collector has to move it; most are never asked for, or once for all subscribers.
 */
export interface Slice {
  readonly block: Buffer
  readonly from: number
  readonly length: number
}

/** A draft's body as a Buffer. */
export function bytesOf(body: Buffer | Slice): Buffer {
  if (body instanceof Uint8Array) return body
  return body.block.subarray(body.from, body.from + body.length)
}

/** A message that has no id yet: what a door hands to the hub. */
export interface Draft {
  readonly channel: ChannelName
  /** What people read. MUST NOT be changed after it was handed over. */
  readonly body: Buffer | Slice
  /** The publisher's Content-Type, verbatim; undefined where it gave none. */
  readonly contentType?: string | undefined
  /** What programs read: JSON text, kept as it was published. */
  readonly data?: string | undefined
  readonly attributes?: Attributes | undefined
  /** Seconds after which nobody is to get it any more; undefined: as long as the store keeps it. */
  readonly ttl?: number | undefined
  /** Makes a retried publish safe: the same key on the same channel is stored once. */
  readonly key?: string | undefined
  /**
   * The key alone says whether two messages are the same: it was made from what the message is
   * about, so the same key with other bytes is a duplicate too, and not a publisher's mistake.
   */
  readonly keyDecides?: boolean | undefined
}

/** What a stored message costs beside its bytes: objects, array slots, map entries. */
const OVERHEAD = 320

/** What many messages have nothing of, or no more than a content type: those share one. */
interface Rest {
  readonly contentType: string | undefined
  readonly attributes: Attributes | undefined
  readonly data: string | undefined
  /** ms since 1970, or 0 */
  readonly expires: number
  /** Bytes that this costs. */
  readonly size: number
}

/** Of the content type that came last alone: mostly it is the next one's, too. */
let shared: Rest = onlyType(undefined)

function onlyType(contentType: string | undefined): Rest {
  return { contentType, attributes: undefined, data: undefined, expires: 0, size: 0 }
}

/**
 * One entry of a channel's log. Immutable.
 *
 * Small: a server holds a million of them, and while they are young the garbage collector moves each
 * twice.
 */
export class Message {
  readonly id: MessageId
  readonly channel: ChannelName
  /** Where in its id's second it was stored, in ms: small numbers cost no memory of their own. */
  readonly #ms: number
  /** Where its body lies. */
  readonly #block: Buffer
  readonly #from: number
  readonly #length: number
  readonly #rest: Rest
  /** Whether the body is JSON; undefined: nobody has asked yet. */
  #bodyIsJson: boolean | undefined = undefined

  /** @param channel the store's own copy of the name, so that one string serves all its messages */
  constructor(id: MessageId, time: number, draft: Draft, channel: ChannelName = draft.channel) {
    this.id = id
    this.#ms = time - idSecond(id) * 1000
    this.channel = channel
    const { body } = draft
    const sliced = !(body instanceof Uint8Array)
    this.#block = sliced ? body.block : body
    this.#from = sliced ? body.from : 0
    this.#length = body.length
    this.#rest = restOf(draft, time)
  }

  /** The publisher's Content-Type, verbatim; undefined where it gave none. */
  get contentType(): string | undefined {
    return this.#rest.contentType
  }

  get attributes(): Attributes | undefined {
    return this.#rest.attributes
  }

  /** When it stops being readable, in ms since 1970; 0 = with the store's retention only. */
  get expires(): number {
    return this.#rest.expires
  }

  /** About how many bytes of memory keeping this message costs. */
  get size(): number {
    return OVERHEAD + this.weight
  }

  /** What people read: the publisher's bytes. */
  get body(): Buffer {
    return this.#length === this.#block.length
      ? this.#block
      : this.#block.subarray(this.#from, this.#from + this.#length)
  }

  /** When it was stored, in ms since 1970; never less than an older message's. */
  get time(): number {
    return idSecond(this.id) * 1000 + this.#ms
  }

  /**
   * The JSON text that programs read: what was published as data, else the body when that is JSON.
   * A body is JSON if its content type says so and it parses; without a content type, if it parses
   * to an object or an array.
   */
  get data(): string | undefined {
    const { data } = this.#rest
    if (data !== undefined) return data
    return this.bodyIsJson ? this.body.toString('utf8') : undefined
  }

  /**
   * Whether the body is JSON. Parsed once however many subscribers ask, and not at all when none does;
   * only the verdict is kept, as the text would be in memory twice.
   */
  get bodyIsJson(): boolean {
    this.#bodyIsJson ??= isJson(this.body, this.contentType)
    return this.#bodyIsJson
  }

  /** The data that was published beside the body, if any. */
  get ownData(): string | undefined {
    return this.#rest.data
  }

  /** About how many bytes a subscriber is sent of it: what batches and slices are measured by. */
  get weight(): number {
    return this.#length + this.#rest.size
  }
}

function restOf({ contentType, attributes, data, ttl }: Draft, time: number): Rest {
  if (!attributes && data === undefined && ttl === undefined) {
    if (shared.contentType !== contentType) shared = onlyType(contentType)
    return shared
  }
  const expires = ttl === undefined ? 0 : time + ttl * 1000
  const size = (data?.length ?? 0) + (attributes ? attributesLength(attributes) : 0)
  return { contentType, attributes, data, expires, size }
}

function attributesLength(attributes: Attributes): number {
  let length = 0
  for (const [name, value] of Object.entries(attributes)) length += name.length + value.length
  return length
}

const JSON_TYPE = /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

/** Whether a Content-Type says JSON. */
export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType)
}

function isJson(body: Buffer, contentType: string | undefined): boolean {
  if (contentType !== undefined && !isJsonType(contentType)) return false
  if (body.length === 0) return false
  if (contentType === undefined && !mayOpenJson(body)) return false
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return contentType !== undefined || (typeof value === 'object' && value !== null)
  } catch {
    return false
  }
}

/** Without a content type only objects and arrays count: look before parsing a large text. */
function mayOpenJson(body: Buffer): boolean {
  for (const byte of body) {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue
    return byte === 0x7b || byte === 0x5b
  }
  return false
}

/** Whether these are the very messages that those are. */
export function areSame(some: readonly Message[], others: readonly Message[]): boolean {
  if (some.length !== others.length) return false
  for (let index = 0; index < some.length; index++) {
    if (some[index] !== others[index]) return false
  }
  return true
}
