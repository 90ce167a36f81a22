import { FanfareError } from '../../model/errors.ts'

/** The headers of one part together; browsers send about a hundred bytes. */
const MAX_PART_HEAD = 16 * 2 ** 10

/**
 * The fields of a multipart/form-data body as bytes, one character a byte, in the order given.
 *
 * RFC 7578 and RFC 2046, section 5.1: lines end with CR LF; what stands before the first boundary and
 * behind the last one does not count. One pass: every byte is looked at once, by `indexOf`.
 *
 * Node's own `Response.formData()` was tried: it decodes fields as UTF-8, refuses a preamble, and
 * knows no bound on the number of parts.
 *
 * @param body one character a byte
 * @throws FanfareError `bad_request` for what is no such body, `too_many` above `maxFields`
 */
export function parseMultipart(
  body: string,
  boundary: string,
  maxFields: number,
): Map<string, string[]> {
  const found = new Map<string, string[]>()
  const delimiter = `\r\n--${boundary}`
  const opening = delimiter.slice(2)
  let count = 0
  let at = body.startsWith(opening) ? opening.length : endOf(body, delimiter, 0)
  for (;;) {
    if (at === -1) throw bad('the boundary that its Content-Type names is not there')
    if (body.startsWith('--', at)) return found
    const head = lineEnd(body, at)
    const end = body.indexOf(delimiter, head)
    if (end === -1) throw bad('its last part has no end')
    if (++count > maxFields) throw tooManyFields(maxFields)
    // A part without a single header begins with the empty line at once.
    const blank = body.indexOf('\r\n\r\n', head - 2)
    if (blank === -1 || blank > end) throw bad('a part has no empty line behind its headers')
    if (blank - head > MAX_PART_HEAD) throw bad('a part has too long a head')
    const name = nameIn(body.slice(head, Math.max(head, blank)))
    const value = body.slice(blank + 4, Math.max(blank + 4, end))
    const list = found.get(name)
    if (list) list.push(value)
    else found.set(name, [value])
    at = end + delimiter.length
  }
}

/** The boundary that a Content-Type names; undefined when it names none that is allowed. */
export function boundaryOf(contentType: string): string | undefined {
  const match = /;\s*boundary=(?:"(?<quoted>[^"]*)"|(?<plain>[^\s;"]+))\s*(?:;|$)/i.exec(
    contentType,
  )
  const boundary = match?.groups?.['quoted'] ?? match?.groups?.['plain']
  if (boundary === undefined) return undefined
  return /^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary) ? boundary : undefined
}

export function tooManyFields(most: number): FanfareError {
  return new FanfareError('too_many', `A form may have ${most} fields.`)
}

function endOf(body: string, text: string, from: number): number {
  const at = body.indexOf(text, from)
  return at === -1 ? -1 : at + text.length
}

/** Behind a boundary stand spaces at most, then the end of the line. */
function lineEnd(body: string, from: number): number {
  let at = from
  while (body[at] === ' ' || body[at] === '\t') at++
  if (!body.startsWith('\r\n', at)) throw bad('a boundary does not stand on a line of its own')
  return at + 2
}

/** The field's name from a part's headers. */
function nameIn(head: string): string {
  for (const line of head.split('\r\n')) {
    if (!/^content-disposition[ \t]*:/i.test(line)) continue
    // The quotes, CR and LF of a name are escaped by browsers as %22, %0D and %0A: nothing else is.
    const match = /;[ \t]*name=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s;"]+))/i.exec(line)
    const name = match?.groups?.['quoted'] ?? match?.groups?.['plain']
    if (name !== undefined && /^[^:]*:[ \t]*form-data[ \t]*;/i.test(line)) return name
  }
  throw bad('a part has no Content-Disposition with a name')
}

function bad(what: string): FanfareError {
  return new FanfareError('bad_request', `The body is no multipart/form-data: ${what}.`)
}
