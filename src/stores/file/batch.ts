import type { Message } from '../../model/message.ts'
import type { Appended, ChannelStat } from '../store.ts'
import { encodeRecord, measure, type RecordParts } from './format.ts'

/** Bytes that are written at once; a longer record has a chunk of its own. */
const CHUNK_BYTES = 2 ** 20
/** Chunks that are kept for the next batch. */
const SPARE_CHUNKS = 8

/** Memory for encoded records, which several batches may share. */
interface Chunk {
  readonly buffer: Buffer
  used: number
  /** Pieces that are not given back yet. */
  pieces: number
}

/** Records of one batch that stand one behind the other. */
export class Piece {
  readonly chunk: Chunk
  readonly from: number
  to: number

  constructor(chunk: Chunk) {
    this.chunk = chunk
    this.from = chunk.used
    this.to = chunk.used
    chunk.pieces++
  }

  get bytes(): Buffer {
    return this.chunk.buffer.subarray(this.from, this.to)
  }

  /** Whether so much more can stand right behind it. */
  hasRoom(length: number): boolean {
    const { used, buffer } = this.chunk
    return this.to === used && used + length <= buffer.length
  }
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
  readonly pieces: Piece[] = []
  bytes = 0
  readonly #pool: ChunkPool

  constructor(pool: ChunkPool) {
    this.#pool = pool
  }

  /** @returns the record's length */
  add(parts: RecordParts, seed: number, message?: Message, slot?: string, done?: Done): number {
    const measured = measure(parts)
    const { length } = measured
    let piece = this.pieces.at(-1)
    if (!piece?.hasRoom(length)) this.pieces.push((piece = this.#pool.take(length)))
    encodeRecord(parts, measured, piece.chunk.buffer, piece.to, seed)
    piece.to += length
    piece.chunk.used = piece.to
    this.bytes += length
    this.entries.push({ parts, length, message, slot, done })
    return length
  }
}

/**
 * Chunks go round: a new one for each batch would keep the garbage collector busy. A batch of few records, which may
 * have to be kept until it is synced, holds no more of one than its records.
 */
export class ChunkPool {
  readonly #spare: Chunk[] = []
  /** The one that has room. */
  #open: Chunk = newChunk(CHUNK_BYTES)

  /** Room for a record, and for more behind it. */
  take(length: number): Piece {
    if (length > CHUNK_BYTES) return new Piece(newChunk(length))
    if (this.#open.used + length > CHUNK_BYTES) {
      this.#open = this.#spare.pop() ?? newChunk(CHUNK_BYTES)
    }
    return new Piece(this.#open)
  }

  giveBack(pieces: readonly Piece[]): void {
    for (const { chunk } of pieces) {
      if (--chunk.pieces > 0) continue
      chunk.used = 0
      const isSpare = chunk !== this.#open && chunk.buffer.length === CHUNK_BYTES
      if (isSpare && this.#spare.length < SPARE_CHUNKS) this.#spare.push(chunk)
    }
  }
}

function newChunk(length: number): Chunk {
  return { buffer: Buffer.allocUnsafeSlow(length), used: 0, pieces: 0 }
}
