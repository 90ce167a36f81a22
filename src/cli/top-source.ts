import { EventStreamParser } from '../client/event-stream.ts'
import type { Snapshot } from '../protocols/management/console/data.ts'
import type { NodeStatus } from '../services/control.ts'
import { UsageError } from './target.ts'

/** Characters of one event: a snapshot has some thousands. */
const MAX_EVENT = 2 ** 20
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
    throw new UsageError(`${protocol}// is not spoken by the management port; it is http://`)
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
  const answer = await reach(base, () =>
    fetch(`${base}/console/overview`, { headers: accept, signal }),
  )
  if (!answer.ok) throw await refusal(base, answer)
  if (!answer.body || !answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    await answer.body?.cancel()
    throw new TopRefused(`${base} is not the management port of a Fanfare server`)
  }
  const parser = new EventStreamParser(MAX_EVENT)
  const decoder = new TextDecoder()
  for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
    for (const { type, data } of parser.push(decoder.decode(piece, { stream: true }))) {
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
    const options = { method: 'POST', headers: json, body: '{}', signal }
    const answer = await fetch(`${base}/manager/status`, options)
    if (answer.ok) return (await answer.json()) as Record<string, NodeStatus>
    await answer.body?.cancel()
  } catch {
    // Whether the server is there, the snapshots tell.
  }
  return {}
}

async function reach(base: string, ask: () => Promise<Response>): Promise<Response> {
  try {
    return await ask()
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    const { code, message } = (cause ?? error) as NodeJS.ErrnoException
    const why = code === 'ECONNREFUSED' ? 'nothing listens there' : (code ?? message)
    throw new Error(
      `no server at ${base}: ${why}. Is it running, with \`management\` on? \`fanfare top URL\` asks another.`,
      { cause: error },
    )
  }
}

async function refusal(base: string, answer: Response): Promise<Error> {
  const text = (await answer.text()).slice(0, 10_000)
  if (answer.status === 401) {
    return new TopRefused(
      `${base} needs its key (\`management.key\`): give it as --key, in FANFARE_MANAGEMENT__KEY, or as http://:KEY@HOST`,
    )
  }
  let words = `it answered ${answer.status}`
  try {
    words = (JSON.parse(text) as { error: { message: string } }).error.message
  } catch {
    // It is no server of ours.
  }
  return new TopRefused(`${base} refuses: ${words}`)
}
