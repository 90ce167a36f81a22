import { once } from 'node:events'
import { WebSocket } from 'ws'
import { authorities } from './authorities.ts'
import { readSome, shown } from './http.ts'
import { fromEnvelope, fromGap, parseJson, refusalOf, SILENCE, type Source } from './source.ts'

/** Messages that wait for a slow consumer; with more, the socket is not read. */
const MAX_WAITING = 1_000
/** How long a server may take to answer the handshake, in ms. */
const HANDSHAKE_TIMEOUT = 30_000

/** One connection to a WebSocket location. */
export const websocketSource: Source = async function* (url, cursor, { since, last, signal }) {
  const target = new URL(url)
  if (cursor.id !== undefined) target.searchParams.set('since', cursor.id)
  else if (since !== undefined) target.searchParams.set('since', since)
  else if (last !== undefined) target.searchParams.set('last', String(last))
  const socket = new WebSocket(target, {
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    ...authorities(),
  })
  const waiting: string[] = []
  let wake: (() => void) | undefined
  const state: { failure?: Error; closed: boolean } = { closed: false }
  const stir = (): void => {
    wake?.()
    wake = undefined
  }
  socket.on('unexpected-response', (_request, response) => {
    void readSome(response).then((body) => {
      const { statusCode = 500, statusMessage = '' } = response
      state.failure ??= refusalOf(statusCode, statusMessage, body)
      socket.terminate()
    })
  })
  const silence = setTimeout(() => socket.terminate(), SILENCE)
  socket.on('ping', () => silence.refresh())
  socket.on('error', (error) => (state.failure ??= error))
  socket.on('close', () => {
    state.closed = true
    stir()
  })
  socket.on('message', (data) => {
    silence.refresh()
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
    yield { kind: 'connected', detail: shown(url) }
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
        cursor.id = message.cursor ?? message.id
        yield message
        continue
      }
      const { gap, subscribed, position } = frameOf(text)
      const missed = fromGap(gap)
      if (missed) yield missed
      // So that a connection lost before the first message resumes without a hole.
      if (subscribed !== undefined && typeof position === 'string') cursor.id ??= position
    }
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', abort)
    socket.terminate()
  }
}

/** A server's frame that is no message; what is no object has nothing to say. */
function frameOf(text: string): Record<string, unknown> {
  return (parseJson(text) ?? {}) as Record<string, unknown>
}
