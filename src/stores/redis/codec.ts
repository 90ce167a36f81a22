/** How messages and names look in Redis; docs/stores.md describes the keys. */
import { createHash } from 'node:crypto'
import { type ChannelName, isPrivate } from '../../model/channel.ts'
import { makeId, type MessageId } from '../../model/id.ts'
import { type Attributes, bytesOf, type Draft, Message, type Slice } from '../../model/message.ts'
import { fingerprint, slotOf } from '../keys.ts'

const PUBLIC = 0x63
const PRIVATE = 0x70
/** The first character of every private name. */
const PRIVATE_CHAR = '\u0100'
const EMPTY = Buffer.alloc(0)
/** Characters of a key's digest: 132 bits. */
const SLOT_CHARS = 22
/** Fixed bytes of a packed message: the lengths and numbers. */
const FIXED = 2 + 1 + 1 + 4 + 4 + 4 + 4
const LONGEST_TTL = 2 ** 31 - 1

/** What a message costs in a store's bounds beside its bytes. */
export const OVERHEAD = new Message(0 as MessageId, 0, {
  channel: 'x' as ChannelName,
  body: EMPTY,
}).size

/** A name as Redis sees it: `c` or, for private ones, `p`, and its bytes. */
export function nameBytes(name: ChannelName): Buffer {
  const bytes = Buffer.allocUnsafe(nameLength(name))
  writeName(bytes, 0, name)
  return bytes
}

/** The prefix of a subtree's names as Redis sees them. */
export function prefixBytes(prefix: string): Buffer {
  return nameBytes(prefix as ChannelName)
}

export function nameFrom(bytes: Buffer, from = 0, to = bytes.length): ChannelName {
  const rest = bytes.toString('latin1', from + 1, to)
  return (bytes[from] === PRIVATE ? PRIVATE_CHAR + rest : rest) as ChannelName
}

function nameLength(name: ChannelName): number {
  return isPrivate(name) ? name.length : name.length + 1
}

function writeName(into: Buffer, at: number, name: ChannelName): number {
  const hidden = isPrivate(name)
  into[at] = hidden ? PRIVATE : PUBLIC
  return at + 1 + into.write(hidden ? name.slice(1) : name, at + 1, 'latin1')
}

/** A draft and what of it stands in Redis, until its batch is packed. */
export interface Packable {
  readonly draft: Draft
  readonly meta: string
  readonly slot: string
  readonly print: string
  /** Bytes it takes packed. */
  readonly length: number
}

export function packable(draft: Draft): Packable {
  const meta = metaOf(draft)
  const keyed = draft.key !== undefined
  const slot = keyed
    ? createHash('sha256').update(slotOf(draft)).digest('base64').slice(0, SLOT_CHARS)
    : ''
  const print = keyed ? fingerprint(draft) : ''
  const length =
    FIXED +
    nameLength(draft.channel) +
    slot.length +
    print.length +
    Buffer.byteLength(meta) +
    draft.body.length
  return { draft, meta, slot, print, length }
}

/** All in one block: the script takes it apart with one call for each message. */
export function pack(items: readonly Packable[]): Buffer {
  let length = 0
  for (const item of items) length += item.length
  const block = Buffer.allocUnsafe(length)
  let at = 0
  for (const { draft, meta, slot, print } of items) {
    at = block.writeUInt16BE(nameLength(draft.channel), at)
    at = writeName(block, at, draft.channel)
    block[at++] = slot.length
    at += block.write(slot, at, 'latin1')
    block[at++] = print.length
    at += block.write(print, at, 'latin1')
    const ttl = draft.ttl === undefined ? -1 : Math.min(draft.ttl, LONGEST_TTL)
    at = block.writeInt32BE(ttl, at)
    at = block.writeUInt32BE(OVERHEAD + weightOf(draft), at)
    const metaAt = at + 4
    const metaLength = meta === '' ? 0 : block.write(meta, metaAt)
    block.writeUInt32BE(metaLength, at)
    at = block.writeUInt32BE(draft.body.length, metaAt + metaLength)
    const { body } = draft
    at += body instanceof Uint8Array ? body.copy(block, at) : bytesOf(body).copy(block, at)
  }
  return block
}

/** Goes through a packed block; `each` is given where every message's parts lie. */
export function unpack(block: Buffer, from: number, each: (packed: Packed) => void): void {
  for (let at = from; at < block.length; ) {
    const name = at + 2
    const slot = name + block.readUInt16BE(at)
    const print = slot + 1 + (block[slot] as number)
    const numbers = print + 1 + (block[print] as number)
    const meta = numbers + 12
    const body = meta + block.readUInt32BE(numbers + 8) + 4
    at = body + block.readUInt32BE(body - 4)
    each({ block, name, nameEnd: slot, meta, metaEnd: body - 4, body, end: at })
  }
}

export interface Packed {
  readonly block: Buffer
  readonly name: number
  readonly nameEnd: number
  readonly meta: number
  readonly metaEnd: number
  readonly body: number
  readonly end: number
}

/** @param now ms that the batch was stamped with */
export function messageFrom(packed: Packed, id: MessageId, now: number): Message {
  const { block, body, end } = packed
  const channel = nameFrom(block, packed.name, packed.nameEnd)
  const slice: Slice = { block, from: body, length: end - body }
  const rest = metaFrom(block, packed.meta, packed.metaEnd)
  return new Message(id, timeOf(id, now), { channel, body: slice, ...rest })
}

/** A message as a stream holds it: `<time> <expires> <size>`, meta, body. */
export function messageOf(
  channel: ChannelName,
  id: Buffer,
  stamp: Buffer,
  meta: Buffer,
  body: Buffer,
): Message {
  const text = stamp.toString('latin1')
  const time = Number(text.slice(0, text.indexOf(' ')))
  const rest = metaFrom(meta, 0, meta.length)
  return new Message(idFrom(id.toString('latin1')), time, { channel, body, ...rest })
}

/** The time of a message: its batch's, or where its second is a later one, the beginning of that. */
export function timeOf(id: MessageId, now: number): number {
  return Math.max(now, Math.floor(id / IDS) * 1000)
}

const IDS = makeId(1, 0)

/** `<second>-<n>` as Redis gives it, which is one of ours. */
export function idFrom(text: string): MessageId {
  const dash = text.indexOf('-')
  return makeId(Number(text.slice(0, dash)), Number(text.slice(dash + 1)))
}

interface Meta {
  readonly contentType?: string
  readonly data?: string
  readonly attributes?: Attributes
  readonly ttl?: number
}

const NO_META: Meta = {}
/** Mostly the next message has the same: then nothing is parsed. */
let lastText = ''
let lastMeta: Meta = NO_META

function metaOf({ contentType, data, attributes, ttl }: Draft): string {
  const plain = data === undefined && attributes === undefined && ttl === undefined
  if (plain && contentType === undefined) return ''
  return JSON.stringify({ contentType, data, attributes, ttl })
}

function metaFrom(block: Buffer, from: number, to: number): Meta {
  if (from === to) return NO_META
  const text = block.toString('utf8', from, to)
  if (text === lastText) return lastMeta
  lastText = text
  lastMeta = JSON.parse(text) as Meta
  return lastMeta
}

function weightOf(draft: Draft): number {
  let weight = draft.body.length + (draft.data?.length ?? 0)
  if (draft.attributes) {
    for (const [name, value] of Object.entries(draft.attributes)) {
      weight += name.length + value.length
    }
  }
  return weight
}
