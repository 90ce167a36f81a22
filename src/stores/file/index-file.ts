import { type ChannelName, isPrivate, privateName } from '../../model/channel.ts'
import { crc32 } from './crc.ts'
import { VERSION } from './format.ts'
import type { Segment, SegmentEvent } from './segment.ts'

/** `FanfareI`, as the first bytes of an index. */
const MAGIC = Buffer.from('FanfareI')
const HEADER = 48
const PRIVATE = privateName('', '').charAt(0)

/** What starting needs of a segment, without its messages. */
export interface SegmentIndex {
  /** Bytes of the log that it is about. */
  readonly end: number
  readonly count: number
  readonly ids: Float64Array
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  /** Places in `names`. */
  readonly channels: Uint32Array
  readonly ms: Uint16Array
  readonly names: readonly ChannelName[]
  readonly events: readonly SegmentEvent[]
}

/**
 * A segment's index as bytes: header, arrays, names, events, CRC.
 * @param nameOf the name of the channel that has this number
 */
export function encodeIndex(
  segment: Segment,
  seed: number,
  nameOf: (number: number) => ChannelName,
): Buffer {
  const { count, events } = segment
  const places = new Map<number, number>()
  const names: ChannelName[] = []
  const channels = new Uint32Array(count)
  for (let slot = 0; slot < count; slot++) {
    const number = segment.channels[slot] as number
    let place = places.get(number)
    if (place === undefined) {
      place = names.push(nameOf(number)) - 1
      places.set(number, place)
    }
    channels[slot] = place
  }
  let length = HEADER + count * 22 + 4
  for (const name of names) length += 2 + name.length
  for (const { record } of events) length += 8 + record.length
  const bytes = Buffer.allocUnsafe(length)
  bytes.fill(0, 0, HEADER)
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(VERSION, 8)
  bytes.writeUInt32LE(segment.serial, 12)
  bytes.writeUInt32LE(seed, 16)
  bytes.writeDoubleLE(segment.end, 20)
  bytes.writeUInt32LE(count, 28)
  bytes.writeUInt32LE(names.length, 32)
  bytes.writeUInt32LE(events.length, 36)
  let at = HEADER
  for (const array of [segment.ids, segment.offsets, segment.lengths, channels, segment.ms]) {
    const part = array.subarray(0, count)
    at += Buffer.from(part.buffer, part.byteOffset, part.byteLength).copy(bytes, at)
  }
  for (const name of names) {
    // The highest bit of the length marks a private name, whose first character is no byte.
    const hidden = isPrivate(name)
    const size = hidden ? name.length - 1 : name.length
    at = bytes.writeUInt16LE(size | (hidden ? 0x8000 : 0), at)
    at += bytes.write(hidden ? name.slice(1) : name, at, 'latin1')
  }
  for (const event of events) {
    at = bytes.writeUInt32LE(event.at, at)
    at = bytes.writeUInt32LE(event.record.length, at)
    at += event.record.copy(bytes, at)
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at)), at)
  return bytes.subarray(0, at + 4)
}

/** Undefined when these bytes are not the whole index of that segment. */
export function decodeIndex(bytes: Buffer, serial: number, seed: number): SegmentIndex | undefined {
  const body = bytes.length - 4
  if (body < HEADER || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (bytes.readUInt32LE(body) !== crc32(bytes.subarray(0, body))) return undefined
  if (bytes.readUInt16LE(8) !== VERSION || bytes.readUInt32LE(12) !== serial) return undefined
  if (bytes.readUInt32LE(16) !== seed) return undefined
  const count = bytes.readUInt32LE(28)
  let at = HEADER
  const part = (size: number): ArrayBuffer => {
    // A copy begins where numbers may begin.
    const copy = new ArrayBuffer(size)
    bytes.copy(new Uint8Array(copy), 0, at, at + size)
    at += size
    return copy
  }
  const ids = new Float64Array(part(count * 8))
  const offsets = new Uint32Array(part(count * 4))
  const lengths = new Uint32Array(part(count * 4))
  const channels = new Uint32Array(part(count * 4))
  const ms = new Uint16Array(part(count * 2))
  const names: ChannelName[] = []
  for (let left = bytes.readUInt32LE(32); left > 0; left--) {
    const size = bytes.readUInt16LE(at)
    const name = bytes.toString('latin1', at + 2, at + 2 + (size & 0x7fff))
    names.push(((size & 0x8000) === 0 ? name : PRIVATE + name) as ChannelName)
    at += 2 + (size & 0x7fff)
  }
  const events: SegmentEvent[] = []
  for (let left = bytes.readUInt32LE(36); left > 0; left--) {
    const size = bytes.readUInt32LE(at + 4)
    const record = Buffer.from(bytes.subarray(at + 8, at + 8 + size))
    events.push({ at: bytes.readUInt32LE(at), offset: 0, record })
    at += 8 + size
  }
  const end = bytes.readDoubleLE(20)
  return { end, count, ids, offsets, lengths, channels, ms, names, events }
}
