import { crc32 } from './crc.ts'
import { MARKER } from './format.ts'
import { type Damage, scanRecords } from './scan.ts'

/** Of the file of facts; a reader MUST refuse a greater one. */
export const FACTS_VERSION = 1
export const FACTS_HEADER = 32
/** `FanfareF`, as its first bytes. */
const MAGIC = Buffer.from('FanfareF')
/** Bytes of a record in front of its texts. */
const FIXED = 30

const STATED = 1
const TAKEN_BACK = 2

/** One change, as it stands in the file. */
export interface FactRecord {
  readonly kind: string
  readonly owner: string
  readonly item: string
  /** Undefined: it was taken back. */
  readonly value: string | undefined
  /** ms since 1970; 0 = for good. */
  readonly until: number
}

/** @param seed where the CRC of each record begins: nobody can state what passes for a record */
export function encodeFactsHeader(seed: number, made: number): Buffer {
  const bytes = Buffer.alloc(FACTS_HEADER)
  MAGIC.copy(bytes)
  bytes.writeUInt16LE(FACTS_VERSION, 8)
  bytes.writeUInt32LE(seed, 12)
  bytes.writeDoubleLE(made, 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, FACTS_HEADER - 4)), FACTS_HEADER - 4)
  return bytes
}

/** Undefined when these bytes do not begin with a whole header. */
export function decodeFactsHeader(bytes: Buffer): { version: number; seed: number } | undefined {
  if (bytes.length < FACTS_HEADER || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    return undefined
  const end = FACTS_HEADER - 4
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined
  return { version: bytes.readUInt16LE(8), seed: bytes.readUInt32LE(12) }
}

export function encodeFact(record: FactRecord, seed: number): Buffer {
  const { kind, owner, item, value, until } = record
  const sizes = [kind, owner, item, value ?? ''].map((text) => Buffer.byteLength(text))
  const [kindSize = 0, ownerSize = 0, itemSize = 0, valueSize = 0] = sizes
  const length = FIXED + kindSize + ownerSize + itemSize + valueSize
  const bytes = Buffer.allocUnsafe(length)
  bytes.writeUInt16LE(MARKER, 4)
  bytes.writeUInt8(value === undefined ? TAKEN_BACK : STATED, 6)
  bytes.writeUInt8(0, 7)
  bytes.writeUInt32LE(length, 8)
  bytes.writeDoubleLE(until, 12)
  bytes.writeUInt16LE(kindSize, 20)
  bytes.writeUInt32LE(ownerSize, 22)
  bytes.writeUInt32LE(itemSize, 26)
  let at = FIXED
  for (const text of [kind, owner, item, value ?? '']) at += bytes.write(text, at)
  bytes.writeUInt32LE(crc32(bytes.subarray(4), seed), 0)
  return bytes
}

/** Undefined for a kind of record that came after this version. */
function decodeFact(block: Buffer, from: number, length: number): FactRecord | undefined {
  const type = block.readUInt8(from + 6)
  if (type !== STATED && type !== TAKEN_BACK) return undefined
  let at = from + FIXED
  const text = (size: number): string => block.toString('utf8', at, (at += size))
  const kind = text(block.readUInt16LE(from + 20))
  const owner = text(block.readUInt32LE(from + 22))
  const item = text(block.readUInt32LE(from + 26))
  const value = type === STATED ? block.toString('utf8', at, from + length) : undefined
  return { kind, owner, item, value, until: block.readDoubleLE(from + 12) }
}

/**
 * Goes through the records behind the header.
 * @returns where the last good one ends; what follows is torn
 */
export function scanFacts(
  block: Buffer,
  seed: number,
  onFact: (fact: FactRecord) => void,
  onDamage: (bad: Pick<Damage, 'from' | 'to'>) => void,
): number {
  return scanRecords(block, FACTS_HEADER, block.length, seed, {
    record: (at, length) => {
      const fact = decodeFact(block, at, length)
      if (fact) onFact(fact)
    },
    damage: onDamage,
  })
}
