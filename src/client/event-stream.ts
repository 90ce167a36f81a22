/** One event as the HTML standard has it (section 9.2.6). */
export interface StreamEvent {
  readonly type: string
  readonly data: string
  /** The last id seen, also where this event had none of its own. */
  readonly id: string
}

/** A line longer than this is not an event stream: 16 Mi characters. */
const MAX_LINE = 2 ** 24

/** Reads a stream of text, in whatever pieces it comes, as server-sent events. */
export class EventStreamParser {
  /** The id to resume with; also ids of blocks without data count. */
  lastId = ''
  /** The server's wish for the time before a reconnect, in ms. */
  retry: number | undefined
  #rest = ''
  #skipLf = false
  #type = ''
  #data: string[] = []
  #id: string | undefined

  /**
   * @returns the events that are complete with this piece
   * @throws Error when a line grows beyond any event
   */
  push(piece: string): StreamEvent[] {
    const events: StreamEvent[] = []
    let text = this.#rest + piece
    if (this.#skipLf && text.startsWith('\n')) text = text.slice(1)
    if (text.length > 0) this.#skipLf = false
    let from = 0
    for (;;) {
      const end = lineEnd(text, from)
      if (end === -1) break
      this.#line(text.slice(from, end), events)
      from = end + 1
      if (text[end] !== '\r') continue
      // CR LF is one line end, also when the LF comes with the next piece.
      if (from === text.length) this.#skipLf = true
      else if (text[from] === '\n') from++
    }
    this.#rest = text.slice(from)
    if (this.#rest.length > MAX_LINE) throw new Error('this is not an event stream')
    return events
  }

  #line(line: string, events: StreamEvent[]): void {
    if (line === '') {
      if (this.#id !== undefined) this.lastId = this.#id
      if (this.#data.length > 0) {
        events.push({
          type: this.#type || 'message',
          data: this.#data.join('\n'),
          id: this.lastId,
        })
      }
      this.#type = ''
      this.#data = []
      return
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#type = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
  }
}

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf('\n', from)
  const cr = text.indexOf('\r', from)
  return cr === -1 ? lf : lf === -1 ? cr : Math.min(cr, lf)
}
