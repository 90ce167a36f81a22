/**
 * The bytes of the file store, version 1. docs/stores.md describes them; a change here is a new version.
 * Numbers are little-endian.
 */
import { type ChannelName, isPrivate, privateName } from '../../model/channel.ts'
import type { MessageId } from '../../model/id.ts'
import type { Attributes, Draft } from '../../model/message.ts'
import { crc32 } from './crc.ts'

export const VERSION = 1

/** `FanfareL`, as the first bytes of a segment. */
const MAGIC = Buffer.from('FanfareL')

/** Bytes before the first record of a segment. */
export const HEADER_BYTES = 64

/** What a segment says of itself. */
export interface SegmentHeader {
  readonly serial: number
  /** Where every CRC of this store begins: bytes that a publisher chose never pass for a record. */
  readonly seed: number
  /** The newest id when the segment was begun. */
  readonly base: MessageId
  /** The floor of unknown channels then. */
  readonly floor: MessageId
  /** Where the former segment ends; what lies beyond was never acknowledged. 0 for the first one. */
  readonly formerEnd: number
  /** ms since 1970. */
  readonly made: number
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(VERSION, 8)
  bytes.writeUInt32LE(header.serial, 12)
  bytes.writeUInt32LE(header.seed, 16)
  bytes.writeDoubleLE(header.base, 20)
  bytes.writeDoubleLE(header.floor, 28)
  bytes.writeDoubleLE(header.formerEnd, 36)
  bytes.writeDoubleLE(header.made, 44)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  return bytes
}

/** Undefined when these bytes are no segment's header, or a damaged one. */
export function decodeHeader(bytes: Buffer): (SegmentHeader & { version: number }) | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    return undefined
  const crc = crc32(bytes.subarray(0, HEADER_BYTES - 4))
  if (bytes.readUInt32LE(HEADER_BYTES - 4) !== crc) return undefined
  return {
    version: bytes.readUInt16LE(8),
    serial: bytes.readUInt32LE(12),
    seed: bytes.readUInt32LE(16),
    base: bytes.readDoubleLE(20) as MessageId,
    floor: bytes.readDoubleLE(28) as MessageId,
    formerEnd: bytes.readDoubleLE(36),
    made: bytes.readDoubleLE(44),
  }
}

/** Kinds of records. A message is a message; the others say what became of channels. */
export const KIND = {
  message: 1,
  /** A channel became known without a message. */
  create: 2,
  /** A channel was removed. */
  remove: 3,
  /** A channel was forgotten for want of room. `floor` is the store's from here on. */
  forget: 4,
  /** What is to be known of a channel when a segment that knew it is gone. */
  carry: 5,
  /** The same of an idempotency key. */
  key: 6,
  /** Everything up to `id` may miss messages. */
  lost: 7,
  /** All that the segments up to `serial` knew was carried on. */
  carried: 8,
} as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** crc u32, marker u16, kind u8, flags u8, length u32, id f64, ms u16, channel length u16. */
export const RECORD_BYTES = 24
export const MARKER = 0xfa5e
const MARKER_BYTES = Buffer.from([MARKER & 0xff, MARKER >>> 8])
/** Longer than any message that a server takes: what says to be longer is damaged. */
const MAX_RECORD = 2 ** 30

const HAS_TYPE = 1
const HAS_ATTRIBUTES = 2
const HAS_DATA = 4
const HAS_TTL = 8
const HAS_KEY = 16
const KEY_DECIDES = 32
const IS_PRIVATE = 128

const PRIVATE = privateName('', '').charAt(0)
const NO_BODY = Buffer.alloc(0)

/** A record that is to be written. */
export interface RecordParts {
  readonly kind: Kind
  readonly id: MessageId
  /** Of the message's time, within its id's second. */
  readonly ms: number
  readonly channel: ChannelName | ''
  readonly contentType?: string | undefined
  readonly attributes?: Attributes | undefined
  readonly data?: string | undefined
  readonly ttl?: number | undefined
  readonly key?: string | undefined
  readonly keyDecides?: boolean | undefined
  /** SHA-256 of what the key stands for, in base64; '' when the key alone decides. */
  readonly print?: string | undefined
  readonly body?: Draft['body'] | undefined
}

/** A record's texts, measured once. */
export interface Measured {
  readonly length: number
  readonly attributes: string | undefined
  readonly sizes: readonly [type: number, attributes: number, data: number, key: number]
}

const NO_SIZES = [0, 0, 0, 0] as const

/** How many bytes a record takes. */
export function measure(parts: RecordParts): Measured {
  const { channel, contentType, data, key, body } = parts
  const plain = RECORD_BYTES + channel.length + (body?.length ?? 0)
  const base = channel !== '' && isPrivate(channel) ? plain - 1 : plain
  if (contentType === undefined && data === undefined && key === undefined && !parts.attributes) {
    const length = base + (parts.ttl === undefined ? 0 : 8)
    return { length, attributes: undefined, sizes: NO_SIZES }
  }
  const attributes = parts.attributes && JSON.stringify(parts.attributes)
  const sizes = [
    contentType === undefined ? 0 : Buffer.byteLength(contentType),
    attributes === undefined ? 0 : Buffer.byteLength(attributes),
    data === undefined ? 0 : Buffer.byteLength(data),
    key === undefined ? 0 : Buffer.byteLength(key),
  ] as const
  let length = base + sizes[0] + sizes[1] + sizes[2] + sizes[3]
  if (contentType !== undefined) length += 4
  if (attributes !== undefined) length += 4
  if (data !== undefined) length += 4
  if (parts.ttl !== undefined) length += 8
  if (key !== undefined) length += 4 + 1 + printBytes(parts.print)
  return { length, attributes, sizes }
}

function printBytes(print: string | undefined): number {
  return print === undefined || print === '' ? 0 : 32
}

/** Writes a record of `measured.length` bytes at `from`. */
export function encodeRecord(
  parts: RecordParts,
  measured: Measured,
  into: Buffer,
  from: number,
  seed: number,
): void {
  const { channel, contentType, data, ttl, key, body } = parts
  const { length, attributes, sizes } = measured
  const hidden = channel !== '' && isPrivate(channel)
  const name = hidden ? channel.slice(1) : channel
  let flags = hidden ? IS_PRIVATE : 0
  let at = from + RECORD_BYTES
  at += into.write(name, at, 'latin1')
  if (contentType !== undefined) {
    flags |= HAS_TYPE
    at = writeText(into, at, contentType, sizes[0])
  }
  if (attributes !== undefined) {
    flags |= HAS_ATTRIBUTES
    at = writeText(into, at, attributes, sizes[1])
  }
  if (data !== undefined) {
    flags |= HAS_DATA
    at = writeText(into, at, data, sizes[2])
  }
  if (ttl !== undefined) {
    flags |= HAS_TTL
    at = into.writeDoubleLE(ttl, at)
  }
  if (key !== undefined) {
    flags |= HAS_KEY | (parts.keyDecides ? KEY_DECIDES : 0)
    at = writeText(into, at, key, sizes[3])
    const print = printBytes(parts.print)
    into[at++] = print
    if (print > 0) at += into.write(parts.print as string, at, 'base64')
  }
  if (body instanceof Uint8Array) body.copy(into, at)
  else if (body) body.block.copy(into, at, body.from, body.from + body.length)
  into.writeUInt16LE(MARKER, from + 4)
  into[from + 6] = parts.kind
  into[from + 7] = flags
  into.writeUInt32LE(length, from + 8)
  into.writeDoubleLE(parts.id, from + 12)
  into.writeUInt16LE(parts.ms, from + 20)
  into.writeUInt16LE(name.length, from + 22)
  into.writeUInt32LE(crc32(into.subarray(from + 4, from + length), seed), from)
}

function writeText(into: Buffer, at: number, text: string, size: number): number {
  into.writeUInt32LE(size, at)
  into.write(text, at + 4, 'utf8')
  return at + 4 + size
}

/** A record as a Buffer of its own. */
export function recordOf(parts: RecordParts, seed: number): Buffer {
  const measured = measure(parts)
  const bytes = Buffer.allocUnsafe(measured.length)
  encodeRecord(parts, measured, bytes, 0, seed)
  return bytes
}

/** The length of the whole and good record at `at`; 0 when there is none. */
export function recordAt(block: Buffer, at: number, end: number, seed: number): number {
  if (at + RECORD_BYTES > end || block.readUInt16LE(at + 4) !== MARKER) return 0
  const length = block.readUInt32LE(at + 8)
  if (length < RECORD_BYTES || length > MAX_RECORD || at + length > end) return 0
  return block.readUInt32LE(at) === crc32(block.subarray(at + 4, at + length), seed) ? length : 0
}

/** The next place from `from` on that looks like a record; -1 when there is none. */
export function nextMarker(block: Buffer, from: number, end: number): number {
  const found = block.indexOf(MARKER_BYTES, from + 4)
  return found === -1 || found >= end ? -1 : found - 4
}

export function kindAt(block: Buffer, at: number): Kind {
  return block[at + 6] as Kind
}

export function idAt(block: Buffer, at: number): MessageId {
  return block.readDoubleLE(at + 12) as MessageId
}

export function msAt(block: Buffer, at: number): number {
  return block.readUInt16LE(at + 20)
}

/** Whether the message at `at` has a time of its own to run out, or a key. */
export function isSpecialAt(block: Buffer, at: number): boolean {
  return ((block[at + 7] as number) & (HAS_TTL | HAS_KEY)) !== 0
}

/** The bytes of the channel's name, as they stand. */
export function channelAt(block: Buffer, at: number): ChannelName {
  const start = at + RECORD_BYTES
  const name = block.toString('latin1', start, start + block.readUInt16LE(at + 22))
  return (((block[at + 7] as number) & IS_PRIVATE) === 0 ? name : PRIVATE + name) as ChannelName
}

/** Reads the good record at `at`. Its body is a slice of `block`. */
export function decodeRecord(block: Buffer, at: number): Required<RecordParts> {
  const flags = block[at + 7] as number
  const end = at + block.readUInt32LE(at + 8)
  let from = at + RECORD_BYTES + block.readUInt16LE(at + 22)
  const text = (): string => {
    const start = from + 4
    from = start + block.readUInt32LE(from)
    return block.toString('utf8', start, from)
  }
  const contentType = flags & HAS_TYPE ? text() : undefined
  const attributes = flags & HAS_ATTRIBUTES ? (JSON.parse(text()) as Attributes) : undefined
  const data = flags & HAS_DATA ? text() : undefined
  let ttl: number | undefined
  if (flags & HAS_TTL) {
    ttl = block.readDoubleLE(from)
    from += 8
  }
  let key: string | undefined
  let print: string | undefined
  if (flags & HAS_KEY) {
    key = text()
    const size = block[from++] as number
    print = block.toString('base64', from, from + size)
    from += size
  }
  return {
    kind: kindAt(block, at),
    id: idAt(block, at),
    ms: msAt(block, at),
    channel: channelAt(block, at),
    contentType,
    attributes,
    data,
    ttl,
    key,
    keyDecides: (flags & KEY_DECIDES) !== 0,
    print,
    body: from === end ? NO_BODY : { block, from, length: end - from },
  }
}

/** Numbers as the body of a record that is no message. */
export function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) bytes.writeDoubleLE(value, index * 8)
  return bytes
}

/** The number `index` of such a body; 0 when it is not there. */
export function numberIn(body: Draft['body'], index: number): number {
  if (body.length < index * 8 + 8) return 0
  return body instanceof Uint8Array
    ? body.readDoubleLE(index * 8)
    : body.block.readDoubleLE(body.from + index * 8)
}
