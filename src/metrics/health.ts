/** Whether the server can be used, for whoever sends it clients or restarts it. */
import type { Exchange } from '../http/exchange.ts'
import { head, reply } from '../http/reply.ts'

/** Something that keeps the server from what it is there for. */
export interface Problem {
  readonly what: 'server' | 'store' | 'door' | 'cluster'
  /** As the configuration names it. */
  readonly name: string
  /** In a few words that anybody may read: nothing of where things are. */
  readonly why: string
}

export interface Health {
  /** What is not as it should be; empty: the server does all that it is to do. */
  problems(): readonly Problem[]
}

/** The paths, on the main port and on that of management. */
export const HEALTH_PATHS: readonly string[] = ['/healthz', '/readyz']

const HEADERS = ['Content-Type: application/json', 'Cache-Control: no-store']

/**
 * Answers a request for one of the two, or leaves it (false). Anybody may ask: that the event loop turns, and
 * which part is not there, by the name in the configuration, is all that is said.
 */
export function answerHealth(exchange: Exchange, health: Health): boolean {
  const { method, path } = exchange
  if (!HEALTH_PATHS.includes(path) || (method !== 'GET' && method !== 'HEAD')) return false
  const notReady = path === '/healthz' ? [] : health.problems()
  const ready = notReady.length === 0
  const body = `${JSON.stringify(path === '/healthz' ? { alive: true } : { ready, notReady })}\n`
  const status = ready ? 200 : 503
  if (method === 'HEAD') {
    const lines = [`Content-Length: ${Buffer.byteLength(body)}`, ...HEADERS]
    exchange.send(Buffer.from(head(status, lines, exchange.closes), 'latin1'))
  } else exchange.send(reply(status, HEADERS, body, exchange.closes))
  return true
}
