import { RawClient } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import type { ServerOptions } from '../../../src/server/server.ts'

export interface RedisTest extends TestServer {
  /** The redis door's own port. */
  readonly redisPort: number
}

/** A server whose redis door listens on a free port. @param redis the door's options, in YAML's flow form */
export async function startRedis(
  redis = '',
  yaml = '',
  options: ServerOptions = {},
): Promise<RedisTest> {
  const started = await startServer(`redis: { port: 0, ${redis} }\n${yaml}`, options)
  const place = started.server.places.find(({ what }) => what === 'redis')
  return { ...started, redisPort: Number(new URL(place?.where ?? '').port) }
}

/**
 * A value as a client sees it. Errors are `-…`, simple strings `+…`, a null of RESP2 is null, that of
 * RESP3 undefined; a map is `{ map: pairs }`, a push `{ push: values }`, a set `{ set: values }`, and a
 * verbatim string `{ verbatim: text }`. Texts have one character a byte.
 */
export type Value =
  | string
  | number
  | null
  | undefined
  | readonly Value[]
  | { readonly map: readonly (readonly [Value, Value])[] }
  | { readonly push: readonly Value[] }
  | { readonly set: readonly Value[] }
  | { readonly verbatim: string }

/** A command as an array of bulk strings. */
export function command(...args: readonly (string | Buffer | number)[]): Buffer {
  const parts = args.map((arg) => {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), 'latin1')
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
  })
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts])
}

/** A bare client that understands replies and nothing else. */
export class RespClient {
  readonly raw: RawClient

  constructor(raw: RawClient) {
    this.raw = raw
  }

  static async connect(port: number, resp: 2 | 3 = 2): Promise<RespClient> {
    const client = new RespClient(await RawClient.connect(port))
    if (resp === 3) await client.ask('HELLO', 3)
    return client
  }

  send(...args: readonly (string | Buffer | number)[]): void {
    this.raw.send(command(...args))
  }

  /** Sends a command and takes its reply. */
  async ask(...args: readonly (string | Buffer | number)[]): Promise<Value> {
    this.send(...args)
    return this.value()
  }

  /** Several, as an array. */
  async values(count: number): Promise<Value[]> {
    const values: Value[] = []
    while (values.length < count) values.push(await this.value())
    return values
  }

  /** Takes the next value, whatever it is. */
  async value(): Promise<Value> {
    const line = (await this.raw.takeUntil('\r\n')).slice(0, -2)
    const rest = line.slice(1)
    switch (line.charAt(0)) {
      case '+':
      case '-':
        return line
      case ':':
        return Number(rest)
      case '_':
        return undefined
      case '$':
        return rest === '-1' ? null : this.#text(Number(rest))
      case '=':
        return { verbatim: (await this.#text(Number(rest))).slice(4) }
      case '*':
        return rest === '-1' ? null : this.values(Number(rest))
      case '>':
        return { push: await this.values(Number(rest)) }
      case '~':
        return { set: await this.values(Number(rest)) }
      case '%':
        return { map: await this.#pairs(Number(rest)) }
      default:
        throw new Error(`no RESP: ${JSON.stringify(line)}`)
    }
  }

  async #text(length: number): Promise<string> {
    const bytes = await this.raw.take(length + 2)
    if (bytes.subarray(length).toString() !== '\r\n') throw new Error('a text does not end')
    return bytes.subarray(0, length).toString('latin1')
  }

  async #pairs(count: number): Promise<(readonly [Value, Value])[]> {
    const pairs: (readonly [Value, Value])[] = []
    while (pairs.length < count) {
      const key = await this.value()
      pairs.push([key, await this.value()])
    }
    return pairs
  }
}
