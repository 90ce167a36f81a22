import { RefusedError } from './refused.ts'

/** One event as the HTML standard has it (section 9.2.6). */
export interface StreamEvent {
  readonly type: string
  readonly data: string
  /** The last id seen, also where this event had none of its own. */
  readonly id: string
}

/** An event longer than this is none: 256 Mi characters. */
const MAX_EVENT = 2 ** 28

const BYTE_ORDER_MARK = '\u{feff}'

/** Reads a stream of text, in whatever pieces it comes, as server-sent events. */
export class EventStreamParser {
  /** The id to resume with; also ids of blocks without data count. */
  lastId = ''
  /** The server's wish for the time before a reconnect, in ms. */
  retry: number | undefined
  readonly #max: number
  /** The line that is still arriving, in the pieces it came in. */
  #line: string[] = []
  #skipLf = false
  #type = ''
  #data: string[] = []
  #id: string | undefined
  /** Characters of the event that is still arriving. */
  #length = 0
  #begun = false

  /** @param max characters an event may have */
  constructor(max = MAX_EVENT) {
    this.#max = max
  }

  /**
   * @returns the events that are complete with this piece
   * @throws RefusedError when an event grows beyond the bound: it would at the next attempt, too
   */
  push(piece: string): StreamEvent[] {
    const events: StreamEvent[] = []
    if (piece === '') return events
    // CR LF is one line end, also when the LF comes with the next piece.
    let from = this.#skipLf && piece.startsWith('\n') ? 1 : 0
    if (!this.#begun && piece.startsWith(BYTE_ORDER_MARK)) from = 1
    this.#begun = true
    this.#skipLf = false
    let cr = piece.indexOf('\r')
    for (;;) {
      const lf = piece.indexOf('\n', from)
      // Looked for once for each that there is: most streams have none.
      if (cr !== -1 && cr < from) cr = piece.indexOf('\r', from)
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
      if (end === -1) break
      this.#takeLine(piece.slice(from, end), events)
      from = end + 1
      if (end !== cr) continue
      if (from === piece.length) this.#skipLf = true
      else if (piece[from] === '\n') from++
    }
    if (from < piece.length) this.#line.push(piece.slice(from))
    this.#count(piece.length - from)
    return events
  }

  #count(characters: number): void {
    this.#length += characters
    if (this.#length > this.#max) {
      throw new RefusedError(`an event has more than ${this.#max} characters`)
    }
  }

  #takeLine(end: string, events: StreamEvent[]): void {
    this.#count(end.length)
    let line = end
    if (this.#line.length > 0) {
      this.#line.push(end)
      line = this.#line.join('')
      this.#line = []
    }
    if (line === '') this.#dispatch(events)
    else this.#field(line)
  }

  #dispatch(events: StreamEvent[]): void {
    if (this.#id !== undefined) this.lastId = this.#id
    if (this.#data.length > 0) {
      events.push({ type: this.#type || 'message', data: this.#data.join('\n'), id: this.lastId })
    }
    this.#type = ''
    this.#data = []
    this.#length = 0
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#type = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
  }
}
