import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { onTestFinished } from 'vitest'
import type { Exchange, Upgrade, Waiter } from '../../src/http/exchange.ts'
import type { HttpLimits } from '../../src/http/limits.ts'
import { isUnder, type Mount } from '../../src/http/mount.ts'
import { errorReply, PLAIN, reply } from '../../src/http/reply.ts'
import { HttpServer } from '../../src/http/server.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { until } from '../support/wait.ts'

const LIMITS: HttpLimits = {
  maxBodyBytes: 2 ** 20,
  maxHeaderBytes: 16 * 2 ** 10,
  handshakeTimeout: 60_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 75_000,
  requestTimeout: 60_000,
  idleTimeout: 60_000,
}

export interface TestHttp {
  readonly server: HttpServer
  readonly port: number
  /** `METHOD path body` of every request that the handler was given, in order. */
  readonly seen: string[]
  /** What the handler threw. */
  readonly errors: unknown[]
}

export interface HttpOptions {
  readonly lean: boolean
  readonly limits?: Partial<HttpLimits>
  readonly maxConnections?: number
  readonly upgrade?: (upgrade: Upgrade) => void
  readonly mount?: Mount
}

/** The main port with a handler of the test's instead of doors. */
export async function startHttp(
  handle: (exchange: Exchange) => void,
  options: HttpOptions,
): Promise<TestHttp> {
  const seen: string[] = []
  const errors: unknown[] = []
  const server = new HttpServer({
    limits: { ...LIMITS, ...options.limits },
    maxConnections: options.maxConnections ?? 1_000,
    lean: options.lean,
    handle(exchange) {
      seen.push(said(exchange))
      handle(exchange)
    },
    upgrade:
      options.upgrade ??
      ((upgrade) =>
        upgrade.refuse(errorReply(upgrade, new FanfareError('unknown_location'), true))),
    mountAt: (path) => (options.mount && isUnder(options.mount, path) ? options.mount : undefined),
    onError: (error) => errors.push(error),
  })
  const { port } = await server.listen(0, '127.0.0.1')
  onTestFinished(() => server.close())
  return { server, port, seen, errors }
}

/** `METHOD path body` */
function said({ method, path, body }: Exchange): string {
  return `${method} ${path}${body.length > 0 ? ' ' : ''}${body.toString('latin1')}`
}

/** Answers with what was asked. */
export function echo(exchange: Exchange): void {
  answer(exchange, Buffer.from(said(exchange), 'latin1'))
}

export function answer(exchange: Exchange, body: string | Buffer): void {
  exchange.send(reply(200, PLAIN, body, exchange.closes))
}

/** One answer of several, cut out of what a server sent. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/**
 * Cuts what a server sent into answers, whose bodies have a Content-Length or none.
 * @param heads whether some may be answers to HEAD, which have no body whatever their Content-Length
 * @throws Error for bytes that are none: nothing may come between answers
 */
export function answersIn(text: string, heads = false): Answer[] {
  const answers: Answer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]
    if (end === -1 || status === undefined) throw new Error(`no answer: ${JSON.stringify(rest)}`)
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(': ')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
      }),
    )
    const behind = rest.slice(end + 4)
    const bodiless = heads && (behind === '' || behind.startsWith('HTTP/1.1 '))
    const length = bodiless ? 0 : Number(headers.get('content-length') ?? 0)
    const body = behind.slice(0, length)
    if (body.length < length) throw new Error(`an answer was cut: ${JSON.stringify(rest)}`)
    answers.push({ status: Number(status), headers, body })
    rest = behind.slice(length)
  }
  return answers
}

export const HOST = 'Host: x\r\n'
export const get = (path: string, headers = ''): string =>
  `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`
export const post = (path: string, body: string, headers = ''): string =>
  `POST ${path} HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n${headers}\r\n${body}`
export const chunked = (path: string, ...pieces: string[]): string =>
  `POST ${path} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${[...pieces, '']
    .map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`)
    .join('')}`

/**
 * Requests to `/wait` wait and ones to `/work` take their time, until the test answers them; all others
 * are answered at once.
 */
export class Waiting implements Waiter {
  readonly exchanges: Exchange[] = []
  /** How many that waited were told that their client has left. */
  leavings = 0

  readonly handle = (exchange: Exchange): void => {
    if (exchange.path === '/wait') {
      this.exchanges.push(exchange)
      exchange.hold(this)
    } else if (exchange.path === '/work') this.exchanges.push(exchange)
    else echo(exchange)
  }

  left(): void {
    this.leavings++
  }

  /** Answers the next one, once it is there. */
  async answer(body: string): Promise<void> {
    await until(() => this.exchanges.length > 0, 'a request waits')
    answer(this.exchanges.shift() as Exchange, body)
  }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap that something still holds. */
export function heapInUse(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}
