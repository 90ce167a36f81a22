import { once } from 'node:events'
import { WebSocket } from 'ws'
import { fromEnvelope, RefusedError, type Source } from './source.ts'

/** Messages that wait for a slow consumer; with more, the socket is not read. */
const MAX_WAITING = 1_000

/** One connection to a WebSocket location. */
export const websocketSource: Source = async function* (url, cursor, { since, last, signal }) {
  const target = new URL(url)
  if (cursor.id !== undefined) target.searchParams.set('since', cursor.id)
  else if (since !== undefined) target.searchParams.set('since', since)
  else if (last !== undefined) target.searchParams.set('last', String(last))
  const socket = new WebSocket(target, { perMessageDeflate: false })
  const waiting: string[] = []
  let wake: (() => void) | undefined
  const state: { failure?: Error; closed: boolean } = { closed: false }
  const stir = (): void => {
    wake?.()
    wake = undefined
  }
  socket.on('unexpected-response', (_request, response) => {
    const detail = `the server answered ${response.statusCode} ${response.statusMessage}`
    const refused = (response.statusCode ?? 500) < 500
    state.failure = refused ? new RefusedError(detail) : new Error(detail)
    socket.terminate()
  })
  socket.on('error', (error) => (state.failure ??= error))
  socket.on('close', () => {
    state.closed = true
    stir()
  })
  socket.on('message', (data) => {
    waiting.push((data as Buffer).toString('utf8'))
    if (waiting.length > MAX_WAITING) socket.pause()
    stir()
  })
  const throwIfFailed = (): void => {
    if (state.failure) throw state.failure
  }
  const abort = (): void => socket.terminate()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([once(socket, 'open'), once(socket, 'close')]).catch(() => {})
    throwIfFailed()
    yield { kind: 'connected', detail: url.href }
    for (;;) {
      const text = waiting.shift()
      if (text === undefined) {
        throwIfFailed()
        if (state.closed) return
        if (socket.isPaused) socket.resume()
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      const message = fromEnvelope(text)
      if (message) {
        cursor.id = message.id
        yield message
        continue
      }
      const { gap, subscribed, position } = JSON.parse(text) as {
        gap?: { from: string; to: string }
        subscribed?: unknown
        position?: string
      }
      if (gap) yield { kind: 'gap', ...gap }
      // So that a connection lost before the first message resumes without a hole.
      if (subscribed !== undefined && position !== undefined) cursor.id ??= position
    }
  } finally {
    signal.removeEventListener('abort', abort)
    socket.terminate()
  }
}
