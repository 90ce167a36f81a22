import type { IncomingMessage } from 'node:http'
import { readSome, send, shown } from './http.ts'
import { type Answer, guessType, type Outgoing, type PublishProtocol } from './publisher.ts'
import { AnsweredError, parseJson, RefusedError } from './source.ts'

/** Publisher locations. Several messages go in one request, as lines of JSON with a key each. */
export const viaHttp: PublishProtocol = {
  carries: ['type', 'key', 'ttl'],
  repeats: true,
  open: async (url, signal) => ({
    publish: (messages) => post(url, messages, signal),
    close: async () => {},
  }),
}

async function post(
  url: URL,
  messages: readonly Outgoing[],
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const { ttl } = messages[0] as Outgoing
  const { headers, body } =
    messages.length === 1 ? alone(messages[0] as Outgoing) : together(messages)
  const response = await send(url, {
    method: 'POST',
    headers: { accept: 'application/json', ...headers, ...header('ttl', 'ttl', ttl) },
    body,
    ...(signal ? { signal } : {}),
  })
  const { statusCode = 0 } = response
  const text = await readSome(response)
  if (statusCode >= 200 && statusCode < 300) return answerOf(response, text)
  const words = `${shown(url)} answered ${statusCode}: ${errorMessage(text)}`
  throw statusCode < 500 ? new RefusedError(words) : new AnsweredError(words)
}

interface Request {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

function alone({ body, type, key }: Outgoing): Request {
  const headers = {
    ...header('type', 'content-type', type ?? guessType(body)),
    ...header('key', 'idempotency-key', key),
  }
  return { headers, body }
}

function together(messages: readonly Outgoing[]): Request {
  const lines = messages.map(({ body, type, key }) => {
    const guessed = type ?? guessType(body)
    return JSON.stringify({ body: body.toString('utf8'), type: guessed, key })
  })
  return {
    headers: { 'content-type': 'application/x-ndjson' },
    body: Buffer.from(lines.join('\n')),
  }
}

function answerOf({ headers }: IncomingMessage, text: string): Answer {
  const { subscribers } = (parseJson(text) ?? {}) as { subscribers?: unknown }
  // Other servers give no id.
  const id = String(headers['fanfare-id'] ?? 'published')
  return typeof subscribers === 'number' ? { id, receivers: subscribers } : { id }
}

/** @throws RefusedError for an option that cannot be a header */
function header(option: string, name: string, value: string | undefined): Record<string, string> {
  if (value === undefined) return {}
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    throw new RefusedError(`--${option} takes printable ASCII characters`)
  }
  return { [name]: value }
}

function errorMessage(text: string): string {
  const { error } = (parseJson(text) ?? {}) as { error?: { message?: unknown } }
  return typeof error?.message === 'string' ? error.message : text.trim().slice(0, 500)
}
