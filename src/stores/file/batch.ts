import type { Message } from '../../model/message.ts'
import type { Appended, ChannelStat } from '../store.ts'
import { encodeRecord, measure, type RecordParts } from './format.ts'

/** Bytes that are written at once; a longer record has a chunk of its own. */
const CHUNK_BYTES = 2 ** 20
/** Chunks that are kept for the next batch. */
const SPARE_CHUNKS = 8

/** Encoded records that stand one behind the other. */
export interface Chunk {
  readonly buffer: Buffer
  used: number
}

/** What is to be done when a record is in the log, or cannot be. */
export interface Entry {
  readonly parts: RecordParts
  readonly length: number
  /** What is announced, for a message. */
  readonly message: Message | undefined
  /** Under what its key is remembered, if it has one. */
  readonly slot: string | undefined
  readonly done: Done | undefined
}

export interface Done {
  resolve(value: Appended | ChannelStat | undefined): void
  reject(error: Error): void
}

/** Records that are written together. */
export class Batch {
  readonly entries: Entry[] = []
  readonly chunks: Chunk[] = []
  bytes = 0
  readonly #pool: ChunkPool

  constructor(pool: ChunkPool) {
    this.#pool = pool
  }

  /** @returns the record's length */
  add(parts: RecordParts, seed: number, message?: Message, slot?: string, done?: Done): number {
    const measured = measure(parts)
    const { length } = measured
    let chunk = this.chunks.at(-1)
    if (!chunk || chunk.used + length > chunk.buffer.length) {
      chunk = this.#pool.take(length)
      this.chunks.push(chunk)
    }
    encodeRecord(parts, measured, chunk.buffer, chunk.used, seed)
    chunk.used += length
    this.bytes += length
    this.entries.push({ parts, length, message, slot, done })
    return length
  }
}

/** Chunks go round: a new one for each batch would keep the garbage collector busy. */
export class ChunkPool {
  readonly #spare: Chunk[] = []

  take(length: number): Chunk {
    const spare = length <= CHUNK_BYTES ? this.#spare.pop() : undefined
    return spare ?? { buffer: Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, length)), used: 0 }
  }

  giveBack(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) {
      chunk.used = 0
      if (chunk.buffer.length === CHUNK_BYTES && this.#spare.length < SPARE_CHUNKS) {
        this.#spare.push(chunk)
      }
    }
  }
}
