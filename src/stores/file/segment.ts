import { join } from 'node:path'
import { HEADER_BYTES } from './format.ts'

const FIRST_CAPACITY = 256

/** The message is not kept any more. */
export const DEAD = 1
/** It has an expiry of its own. */
export const EXPIRES = 2

/** Beside the messages, what a segment's index has to tell. `at`: before which of its messages. */
export interface SegmentEvent {
  readonly at: number
  /** Where in the file its record stands. */
  readonly offset: number
  /** A record as in the log; for a message's own record, its body is left out. */
  readonly record: Buffer
}

export function segmentPath(folder: string, serial: number): string {
  return join(folder, `${String(serial).padStart(8, '0')}.log`)
}

export function indexPath(folder: string, serial: number): string {
  return join(folder, `${String(serial).padStart(8, '0')}.idx`)
}

/**
 * One file of the log, and where in it each message lies. Plain arrays of numbers: 23 bytes a message,
 * 8 more in its channel.
 */
export class Segment {
  readonly serial: number
  readonly path: string
  /** The number of its first message, counted over the whole store since it was opened. */
  readonly base: number
  fd: number | undefined
  /** Bytes of the file that count. */
  end = HEADER_BYTES
  count = 0
  /** Messages still kept. */
  alive = 0
  /** The newest id up to its end. */
  lastId: number
  ids = new Float64Array(FIRST_CAPACITY)
  offsets = new Uint32Array(FIRST_CAPACITY)
  lengths = new Uint32Array(FIRST_CAPACITY)
  channels = new Uint32Array(FIRST_CAPACITY)
  ms = new Uint16Array(FIRST_CAPACITY)
  flags = new Uint8Array(FIRST_CAPACITY)
  /** Kept until the index is written. */
  events: SegmentEvent[] = []
  /** Numbers of the channels that other records than messages are about. */
  readonly told = new Set<number>()
  /** Reads under way: while there are any, its file stays as it is. */
  readers = 0

  constructor(serial: number, path: string, base: number, lastId: number) {
    this.serial = serial
    this.path = path
    this.base = base
    this.lastId = lastId
  }

  get next(): number {
    return this.base + this.count
  }

  push(id: number, ms: number, offset: number, length: number, channel: number): void {
    const slot = this.count
    if (slot === this.ids.length) this.#resize(slot * 2)
    this.ids[slot] = id
    this.ms[slot] = ms
    this.offsets[slot] = offset
    this.lengths[slot] = length
    this.channels[slot] = channel
    this.flags[slot] = 0
    this.lastId = id
    this.count++
    this.alive++
  }

  /** The first slot with an id greater than `after`: 0 … count. */
  seek(after: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.ids[middle] as number) > after) high = middle
      else low = middle + 1
    }
    return low
  }

  /** No more comes: what was kept ready for it is given back. */
  seal(): void {
    if (this.ids.length > this.count) this.#resize(this.count)
  }

  reserve(count: number): void {
    if (count > this.ids.length) this.#resize(count)
  }

  #resize(size: number): void {
    this.ids = resized(this.ids, new Float64Array(size))
    this.offsets = resized(this.offsets, new Uint32Array(size))
    this.lengths = resized(this.lengths, new Uint32Array(size))
    this.channels = resized(this.channels, new Uint32Array(size))
    this.ms = resized(this.ms, new Uint16Array(size))
    this.flags = resized(this.flags, new Uint8Array(size))
  }
}

type Numbers = Float64Array | Uint32Array | Uint16Array | Uint8Array

function resized<T extends Numbers>(from: T, to: T): T {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from)
  return to
}
