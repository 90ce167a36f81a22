import type { PublishForm, ReplyReader, Step } from './door.ts'
import { WireError } from './door.ts'

const HEAD_END = Buffer.from('\r\n\r\n')
/** No server here answers with a longer head; one that does is broken, or is not speaking HTTP. */
const MAX_HEAD = 16 * 1024

/** A response head that has arrived in full. */
export interface Head {
  readonly status: number
  /** Offset of the first byte after the blank line. */
  readonly end: number
  /** Status line and header lines as received, without the blank line. */
  readonly text: string
}

/** The response head at the start of `received`, or undefined while it is incomplete. */
export function readHead(received: Buffer): Head | undefined {
  const at = received.indexOf(HEAD_END)
  if (at < 0) {
    if (received.length > MAX_HEAD) throw new WireError('a response head without an end')
    return undefined
  }
  const text = received.toString('latin1', 0, at)
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]
  if (status === undefined) throw new WireError(`not an HTTP response: ${text.slice(0, 80)}`)
  return { status: Number(status), end: at + HEAD_END.length, text }
}

/** A header's value, trimmed, or undefined when the response has none. */
export function header(head: Head, name: string): string | undefined {
  return new RegExp(`\r\n${name}:[ \t]*([^\r]*)`, 'i').exec(head.text)?.[1]?.trimEnd()
}

/** Offset just past the response, which MUST have a Content-Length (or no body by its status). */
export function responseEnd(head: Head): number {
  if (head.status === 204 || head.status === 304) return head.end
  const length = header(head, 'Content-Length')
  if (length === undefined)
    throw new WireError(`a reply without Content-Length: ${firstLine(head)}`)
  return head.end + Number(length)
}

export function firstLine(head: Head): string {
  return head.text.split('\r\n', 1)[0] ?? ''
}

/** Sends a request and waits for the head of a response that stays open, with this status. */
export function openingStep(send: Buffer, status: number): Step {
  return {
    send,
    end(received) {
      const head = readHead(received)
      if (head === undefined) return -1
      if (head.status !== status) throw new WireError(`refused: ${firstLine(head)}`)
      return head.end
    },
  }
}

/** Sends a request and waits for the whole of a 2xx response. */
export function exchangeStep(send: Buffer): Step {
  return {
    send,
    end(received) {
      const head = readHead(received)
      if (head === undefined) return -1
      const end = responseEnd(head)
      requireSuccess(head)
      return received.length >= end ? end : -1
    },
  }
}

function requireSuccess(head: Head): void {
  if (head.status < 200 || head.status > 299) throw new WireError(`refused: ${firstLine(head)}`)
}

/** Counts whole 2xx responses on one keep-alive connection. */
class HttpReplies implements ReplyReader {
  #rest: Buffer = Buffer.alloc(0)

  take(bytes: Buffer, from: number, to: number): number {
    const fresh = bytes.subarray(from, to)
    let data = this.#rest.length === 0 ? fresh : Buffer.concat([this.#rest, fresh])
    let replies = 0
    for (;;) {
      const head = readHead(data)
      if (head === undefined) break
      requireSuccess(head)
      const end = responseEnd(head)
      if (data.length < end) break
      replies++
      data = data.subarray(end)
    }
    // The driver reuses `bytes`, so what is left over must be a copy.
    this.#rest = Buffer.from(data)
    return replies
  }
}

/** Publishing by `POST path`, keep-alive and pipelined; `create` makes it PUT the channel first. */
export function postForm(path: (channel: string) => string, create: boolean): PublishForm {
  return form({ path, create, type: 'text/plain', before: () => '', after: '' })
}

/** The same with the body within a JSON object, for doors of JSON. */
export function postJsonForm(path: (channel: string) => string, create: boolean): PublishForm {
  return form({ path, create, type: 'application/json', before: () => '{"m":"', after: '"}' })
}

/** The same with a connection for each request, which the server closes. */
export function postOnceForm(path: (channel: string) => string, create: boolean): PublishForm {
  const headers = ['Connection: close']
  const bare = { path, create, type: 'text/plain', before: () => '', after: '', headers }
  return { ...form(bare), oneShot: true }
}

/** Publishing by a call of the management services. */
export function serviceForm(): PublishForm {
  return form({
    path: () => '/channel/publish',
    create: false,
    type: 'application/json',
    before: (channel) => `{"channelId":${JSON.stringify(channel)},"message":"`,
    after: '"}',
  })
}

interface Posting {
  readonly path: (channel: string) => string
  readonly create: boolean
  readonly type: string
  /** What stands around the body in the request's own. */
  readonly before: (channel: string) => string
  readonly after: string
  readonly headers?: readonly string[]
}

function form({ path, create, type, before, after, headers = [] }: Posting): PublishForm {
  return {
    prepare: (channel) =>
      create ? [exchangeStep(requestBytes('PUT', path(channel), ['Content-Length: 0']))] : [],
    greet: () => [],
    request: (channel, body) =>
      Buffer.concat([
        requestBytes('POST', path(channel), [
          `Content-Type: ${type}`,
          `Content-Length: ${before(channel).length + body.length + after.length}`,
          ...headers,
        ]),
        Buffer.from(before(channel)),
        body,
        Buffer.from(after),
      ]),
    replies: () => new HttpReplies(),
  }
}

/** The head of a request. All peers get the same few headers. */
export function requestBytes(method: string, path: string, headers: readonly string[]): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers, '', '']
  return Buffer.from(lines.join('\r\n'), 'latin1')
}
