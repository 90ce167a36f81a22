import { Body } from '../../http/body.ts'
import { isRequestLine, TLS_HANDSHAKE } from '../../net/foreign.ts'

export type Dialect = 'json' | 'xml'

/** Where an object begins and ends; whether it makes sense is for others to say. */
export interface Found {
  readonly dialect: Dialect
  readonly bytes: Buffer
}

export interface Split {
  readonly found: readonly Found[]
  /** The stream is not read on behind these: another protocol, or an object beyond the bound. */
  readonly end?: 'foreign' | 'too long'
}

const LF = 0x0a
const CR = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const LESS = 0x3c

const TAG = Buffer.from('<packet')
const TAG_END = Buffer.from('</packet>')

/**
 * Takes JSON objects and XML packets out of a stream, however it was cut or joined on its way.
 *
 * What is neither is passed by: a whole first line, if the first byte that is no blank opens nothing, and
 * later everything up to a `{` or a `<packet`. JSON has no line breaks within strings; one there ends a
 * broken object, so that what follows it is heard again.
 */
export class ObjectSplitter {
  readonly #most: number
  #state: 'fresh' | 'start' | 'line' | 'between' | 'tag' | 'json' | 'xml' = 'fresh'
  #object: Body
  /** How much of `<packet` or `</packet>` has come. */
  #matched = 0
  #depth = 0
  #text: 'outside' | 'inside' | 'escape' = 'outside'

  /** @param most bytes of one object */
  constructor(most: number) {
    this.#most = most
    this.#object = new Body(most)
  }

  add(bytes: Buffer): Split {
    const found: Found[] = []
    /** Where what belongs to the object at hand begins within these bytes. */
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (this.#state === 'fresh') {
        if (byte === TLS_HANDSHAKE) return { found, end: 'foreign' }
        this.#state = 'start'
      }
      if (this.#state === 'start' && !isBlank(byte)) {
        this.#state = byte === OPEN || byte === LESS ? 'between' : 'line'
        from = at
      }
      // What turns out to be no tag is looked at again, as what it is then.
      if (this.#state === 'tag' && !this.#goesOnAsTag(byte)) this.#drop()
      if (this.#state === 'between') {
        if (byte === OPEN || byte === LESS) {
          this.#open(byte)
          from = at
        }
        continue
      }
      const length = this.#object.length + at + 1 - from
      if (this.#state !== 'start' && length > this.#most) return { found, end: 'too long' }
      if (this.#state === 'line' && byte === LF) {
        this.#object.add(bytes.subarray(from, at))
        const line = this.#object.take().toString('latin1')
        if (isRequestLine(line)) return { found, end: 'foreign' }
        this.#drop()
      } else if (this.#state === 'json' && this.#endsJson(byte)) {
        found.push({ dialect: 'json', bytes: this.#take(bytes.subarray(from, at + 1)) })
      } else if (this.#state === 'xml' && this.#endsXml(byte)) {
        found.push({ dialect: 'xml', bytes: this.#take(bytes.subarray(from, at + 1)) })
      }
    }
    const keeps = this.#state !== 'between' && this.#state !== 'start' && this.#state !== 'fresh'
    if (keeps) this.#object.add(bytes.subarray(from))
    return { found }
  }

  #open(byte: number): void {
    this.#state = byte === OPEN ? 'json' : 'tag'
    this.#depth = byte === OPEN ? 1 : 0
    this.#text = 'outside'
    this.#matched = 1
  }

  #drop(): void {
    this.#object = new Body(this.#most)
    this.#state = 'between'
  }

  #take(last: Buffer): Buffer {
    this.#object.add(last)
    const bytes = this.#object.take()
    this.#state = 'between'
    return bytes
  }

  #goesOnAsTag(byte: number): boolean {
    if (this.#matched < TAG.length) return byte === TAG[this.#matched++]
    // `<packets>` is another.
    if (!isBlank(byte) && byte !== 0x3e) return false
    this.#state = 'xml'
    this.#matched = 0
    return true
  }

  #endsXml(byte: number): boolean {
    if (byte === TAG_END[this.#matched]) this.#matched++
    else this.#matched = byte === LESS ? 1 : 0
    return this.#matched === TAG_END.length
  }

  /** Whether the object ends here; a broken one is dropped. */
  #endsJson(byte: number): boolean {
    if (this.#text === 'escape') this.#text = 'inside'
    else if (this.#text === 'inside') {
      if (byte === QUOTE) this.#text = 'outside'
      else if (byte === BACKSLASH) this.#text = 'escape'
    } else if (byte === QUOTE) this.#text = 'inside'
    else if (byte === OPEN) this.#depth++
    else if (byte === CLOSE) this.#depth--
    if (this.#text === 'inside' && (byte === LF || byte === CR)) this.#drop()
    return this.#state === 'json' && this.#depth === 0
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === LF || byte === CR
}
