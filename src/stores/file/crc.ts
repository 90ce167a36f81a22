import * as zlib from 'node:zlib'

/** Node has it since 20.15. */
const native = (zlib as { crc32?: (data: Buffer, value?: number) => number }).crc32

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** The same in plain code, for a Node.js that does not bring it. @internal */
export function plainCrc32(data: Buffer, value = 0): number {
  let crc = ~value
  for (const byte of data) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** CRC-32 (IEEE) of bytes, going on from `value`. */
export const crc32 = native ?? plainCrc32
