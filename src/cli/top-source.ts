import type { IncomingMessage } from 'node:http'
import { EventStreamParser } from '../client/event-stream.ts'
import { type HttpRequest, readSome, send } from '../client/http.ts'
import { reasonOf } from '../client/source.ts'
import type { Snapshot } from '../protocols/management/console/data.ts'
import type { NodeStatus } from '../services/control.ts'
import { UsageError } from './target.ts'

/** Characters of one event: a snapshot has some thousands. */
const MAX_EVENT = 2 ** 20
/** Characters of what is known of all nodes: some hundred for each. */
const MAX_STATUS = 2 ** 22
/** ms that an answer may take. */
const PATIENCE = 5_000

export interface TopTarget {
  /** The management port, without a key. */
  readonly base: string
  readonly headers: Readonly<Record<string, string>>
}

/** @throws UsageError for what is no URL */
export function topTarget(url: string, key: string | undefined): TopTarget {
  const text = /^[a-z]+:\/\//i.test(url) ? url : `http://${url}`
  if (!URL.canParse(text)) throw new UsageError(`${url} is no URL such as http://127.0.0.1:8181`)
  const { protocol, host, password } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new UsageError(
      `${protocol}// is not spoken by the management port; it is http://, or https:// where it has TLS`,
    )
  }
  const secret = password === '' ? key : decodeURIComponent(password)
  return {
    base: `${protocol}//${host}`,
    headers: secret ? { Authorization: `Bearer ${secret}` } : {},
  }
}

/** The server is there and says no: trying again is of no use. */
export class TopRefused extends Error {}

/**
 * How the server is, about once a second, until the signal.
 * @throws TopRefused with words for people; Error when the connection fails or ends
 */
export async function* snapshots(target: TopTarget, signal: AbortSignal): AsyncGenerator<Snapshot> {
  const { base, headers } = target
  const accept = { ...headers, Accept: 'text/event-stream, application/json' }
  const answer = await reach(target, '/console/overview', {
    method: 'GET',
    headers: accept,
    signal,
  })
  if (answer.statusCode !== 200) throw await refusal(base, answer)
  if (!answer.headers['content-type']?.startsWith('text/event-stream')) {
    answer.destroy()
    throw new TopRefused(`${base} is not the management port of a Fanfare server`)
  }
  const parser = new EventStreamParser(MAX_EVENT)
  answer.setEncoding('utf8')
  for await (const piece of answer as AsyncIterable<string>) {
    for (const { type, data } of parser.push(piece)) {
      if (type === 'snapshot') yield JSON.parse(data) as Snapshot
    }
  }
  throw new Error(`${base} has closed the connection`)
}

/** All nodes, as far as this one knows them; none where it does not carry that service. */
export async function nodesOf({ base, headers }: TopTarget): Promise<Record<string, NodeStatus>> {
  try {
    const signal = AbortSignal.timeout(PATIENCE)
    const json = { ...headers, 'Content-Type': 'application/json' }
    const request = { method: 'POST', headers: json, body: Buffer.from('{}'), signal } as const
    const answer = await send(new URL(`${base}/manager/status`), request)
    if (answer.statusCode === 200) return await readJson<Record<string, NodeStatus>>(answer)
    answer.destroy()
  } catch {
    // Whether the server is there, the snapshots tell.
  }
  return {}
}

async function readJson<T>(answer: IncomingMessage): Promise<T> {
  let text = ''
  answer.setEncoding('utf8')
  for await (const piece of answer as AsyncIterable<string>) {
    text += piece
    if (text.length > MAX_STATUS) throw new Error('the answer is too long')
  }
  return JSON.parse(text) as T
}

async function reach(
  { base }: TopTarget,
  path: string,
  request: HttpRequest,
): Promise<IncomingMessage> {
  try {
    return await send(new URL(base + path), request)
  } catch (error) {
    throw new Error(`no server at ${base}: ${whyNot(error)}`, { cause: error })
  }
}

function whyNot(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException
  const why = reasonOf(error)
  // What either makes of the other.
  if (code === 'ECONNRESET' || code === 'EPROTO' || code.startsWith('HPE_')) {
    return `${why}. The URL begins with https:// where the port has TLS, and with http:// where it has none.`
  }
  if (why.includes('--ca')) return `${why}.`
  return `${why}. Is it running, with \`management\` on? \`fanfare top URL\` asks another.`
}

async function refusal(base: string, answer: IncomingMessage): Promise<Error> {
  const text = await readSome(answer)
  if (answer.statusCode === 401) {
    return new TopRefused(
      `${base} needs its key (\`management.key\`), or one that may manage: give it as --access-key, in FANFARE_KEY or FANFARE_MANAGEMENT__KEY, or as http://:KEY@HOST`,
    )
  }
  const [line = ''] = text.trim().split(/[\r\n]/)
  let words = `it answered ${answer.statusCode}${line === '' ? '' : `: ${line.slice(0, 200)}`}`
  try {
    words = (JSON.parse(text) as { error: { message: string } }).error.message
  } catch {
    // It is no server of ours.
  }
  return new TopRefused(`${base} refuses: ${words}`)
}
