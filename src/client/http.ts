import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { authorities } from './authorities.ts'

/** A server that moves no byte for this long is not there, in ms; an endless answer may change it. */
const SILENCE = 30_000
const MAX_REDIRECTS = 5
/** Characters of an answer that are read to show them. */
const SOME = 4_096

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
}

/**
 * Sends a request; answers once the head of the response is there. Redirects are followed where that
 * repeats the request as it was.
 *
 * Not `fetch`: its first one in a process never settles when the server closes the connection at once
 * (undici 6, Node 20), and then the process ends without a word.
 */
export async function send(url: URL, request: HttpRequest): Promise<IncomingMessage> {
  let target = url
  for (let redirects = 0; ; redirects++) {
    const response = await sendOnce(target, request)
    const { statusCode = 0, headers } = response
    const repeats = request.method === 'GET' ? [301, 302, 303, 307, 308] : [307, 308]
    if (!repeats.includes(statusCode) || headers.location === undefined) return response
    response.destroy()
    if (redirects === MAX_REDIRECTS) throw new Error('too many redirects')
    target = new URL(headers.location, target)
  }
}

function sendOnce(
  url: URL,
  { method, headers, body, signal }: HttpRequest,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const options = { method, headers, agent: false as const, timeout: SILENCE, ...authorities() }
    const request = open(url, signal ? { ...options, signal } : options)
    const silent = new Error('the server is silent')
    const giveUp = (): void => void request.destroy(silent)
    request.on('timeout', giveUp)
    request.on('response', (response) => {
      request.off('timeout', giveUp)
      response.setTimeout(SILENCE, () => response.destroy(silent))
      resolve(response)
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** A URL as people may see it. */
export function shown(url: URL): string {
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  return plain.href
}

/** The beginning of an answer, which may be without an end: enough to say what it is. */
export async function readSome(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  try {
    for await (const piece of response as AsyncIterable<string>) {
      text += piece
      if (text.length > SOME) break
    }
  } catch {
    // Then this is all there is.
  }
  return text
}
