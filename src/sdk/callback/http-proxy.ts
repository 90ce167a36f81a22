/**
 * `fanfare/rpc/proxy/http`: services with callbacks, as socket-push's own binding had them. A call is
 * `GET /service/method/argument/…`.
 */
import { type IncomingMessage, request } from 'node:http'
import type { CallbackClient, CallbackDefinition, CallbackParam } from './definitions.ts'

/** An answer that does not come for this long is none, in ms. */
const SILENCE = 30_000
/** Bytes of an answer; more is none of ours. */
const MAX_ANSWER = 2 ** 26

export interface HttpProxyConstructor {
  /**
   * @param definition such as `require('fanfare/service/auth')`
   * @param host name or address
   * @param port 80 without it; the management port is 8181 by default
   * @param key the management port's, where it has one
   */
  new <Definition extends CallbackDefinition>(
    definition: Definition,
    host: string,
    port?: number,
    key?: string,
  ): CallbackClient<Definition>
}

interface Place {
  readonly host: string
  readonly port: number
  readonly key: string | undefined
}

interface Callbacks {
  readonly result: (value: unknown) => void
  readonly error: (text: string) => void
}

function HttpProxy(
  definition: CallbackDefinition,
  host: string,
  port = 80,
  key?: string,
): Readonly<Record<string, (...args: unknown[]) => void>> {
  const place = { host, port, key }
  const methods = Object.entries(definition.methods).map(([method, { params }]) => {
    const call = (...args: unknown[]): void => {
      const { values, callbacks } = split(params, args, `${definition.name}/${method}`)
      const segments = values.map((value, at) => segmentOf(params[at]?.type, value))
      get(place, ['', definition.name, method, ...segments].join('/'), callbacks)
    }
    return [method, call]
  })
  // With `new` or without: both give this.
  return Object.fromEntries(methods)
}

export default HttpProxy as unknown as HttpProxyConstructor

/** The callbacks come behind the arguments, of which those that are optional may be left out. */
function split(
  params: readonly CallbackParam[],
  args: readonly unknown[],
  name: string,
): { values: readonly unknown[]; callbacks: Callbacks } {
  const required = params.filter(({ optional }) => !optional).length
  const first = args.findIndex((arg, at) => at >= required && typeof arg === 'function')
  const count = Math.max(required, Math.min(first === -1 ? args.length : first, params.length))
  const values = Array.from({ length: count }, (_, at) => args[at])
  while (values.length > required && values.at(-1) === undefined) values.pop()
  const [result, error] = args.slice(count)
  return {
    values,
    callbacks: {
      result: typeof result === 'function' ? (result as Callbacks['result']) : () => {},
      error:
        typeof error === 'function'
          ? (error as Callbacks['error'])
          : (text) => process.emitWarning(`${name}: ${text}`, 'FanfareWarning'),
    },
  }
}

/** @throws Error for a value that is not of the type */
function segmentOf(type: CallbackParam['type'] | undefined, value: unknown): string {
  if (type === 'number') {
    if (!Number.isInteger(value)) throw new Error('Expected integer')
    return String(value)
  }
  const text = type === 'object' ? JSON.stringify(value) : wordOf(value)
  if (text === undefined || text === '') throw new Error(`Expected ${type ?? 'string'}`)
  return encodeURIComponent(text)
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

function get({ host, port, key }: Place, path: string, { result, error }: Callbacks): void {
  const asked = request({
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port,
    path,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    timeout: SILENCE,
  })
  asked.on('timeout', () => asked.destroy(new Error('the server is silent')))
  let failed = false
  const fail = (text: string): void => {
    // A connection that breaks within an answer is told of twice.
    if (!failed) error(text)
    failed = true
  }
  asked.on('error', ({ message, ...more }: NodeJS.ErrnoException) => {
    fail(message || more.code || 'the connection failed')
  })
  asked.on('response', (response) => {
    readAll(response, fail, (text) => {
      if (response.statusCode !== 200) {
        fail(text)
        return
      }
      let value: unknown
      try {
        value = text === '' ? undefined : JSON.parse(text)
      } catch {
        fail(text)
        return
      }
      result(value)
    })
  })
  asked.end()
}

function readAll(
  response: IncomingMessage,
  fail: (text: string) => void,
  then: (text: string) => void,
): void {
  const pieces: Buffer[] = []
  let length = 0
  response.on('data', (piece: Buffer) => {
    pieces.push(piece)
    length += piece.length
    if (length > MAX_ANSWER) response.destroy(new Error('the answer is too long'))
  })
  response.on('error', ({ message }) => fail(message))
  response.on('end', () => then(Buffer.concat(pieces).toString('utf8')))
}
