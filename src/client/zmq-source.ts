import { namedAddress } from './address.ts'
import { shown } from './http.ts'
import { mustStartNow, plainMessage, RefusedError, type Source } from './source.ts'
import { loadZmq, MISMATCH, plainOf, REFUSED, ZMQ_PORT, zmqEndpoint } from './zmq.ts'

/** How often a quiet connection is asked whether it lives, and how long an answer may take, in ms. */
const HEARTBEAT = 30_000

/** One connection to SparkleShare's broadcast over ZeroMQ. It has no way to resume. */
export const zmqSource: Source = async function* (url, cursor, options) {
  mustStartNow(options, "SparkleShare's protocol")
  const { signal } = options
  const { host, port, name, text } = namedAddress(url, ZMQ_PORT, 'repository')
  const { Subscriber } = await loadZmq()
  const socket = new Subscriber({
    ipv6: host.includes(':'),
    linger: 0,
    heartbeatInterval: HEARTBEAT,
    heartbeatTimeout: HEARTBEAT,
    receiveHighWaterMark: 10_000,
    ...plainOf(url),
  })
  const state: { failure?: Error } = {}
  const end = (reason: string | Error): void => {
    state.failure ??= typeof reason === 'string' ? new Error(reason) : reason
    socket.close()
  }
  // The library would reconnect by itself; then nobody would hear of what was lost.
  socket.events.on('disconnect', () => end('the server closed the connection'))
  socket.events.on('connect:retry', () => end('nothing listens there'))
  socket.events.on('handshake:error:auth', () => end(new RefusedError(REFUSED)))
  socket.events.on('handshake:error:protocol', () => end(new RefusedError(MISMATCH)))
  const connected = new Promise<void>((resolve) => {
    socket.events.on('handshake', () => resolve())
    socket.events.on('end', () => resolve())
  })
  const abort = (): void => end('aborted')
  signal.addEventListener('abort', abort, { once: true })
  cursor.forgets = true
  try {
    // Topics match by prefix: what is not just this repository is left out below.
    socket.subscribe(Buffer.from(name, 'latin1'))
    socket.connect(zmqEndpoint(host, port))
    await connected
    if (!socket.closed) yield { kind: 'connected', detail: shown(url) }
    while (!socket.closed) {
      const [topic, revision] = await socket.receive()
      if (topic?.toString('latin1') !== name || revision === undefined) continue
      yield plainMessage(text, revision)
    }
    if (state.failure) throw state.failure
  } catch (error) {
    throw state.failure ?? error
  } finally {
    signal.removeEventListener('abort', abort)
    if (!socket.closed) socket.close()
  }
}
