import { namedAddress } from './address.ts'
import { shown } from './http.ts'
import { chunksOf, openSocket } from './socket.ts'
import { mustStartNow, plainMessage, RefusedError, type Source } from './source.ts'

/** fanout's. */
export const FANOUT_PORT = 1986
/** How often a quiet connection is asked whether it lives, in ms. */
const PING = 30_000
const MAX_LINE = 2 ** 24

const LF = 0x0a

/** One connection to a fanout server. It has no way to resume. */
export const fanoutSource: Source = async function* (url, cursor, options) {
  mustStartNow(options, 'the fanout protocol')
  const { host, port, name } = fanoutAddress(url)
  const socket = await openSocket({ host, port, signal: options.signal })
  cursor.forgets = true
  socket.write(`subscribe ${name}\n`, 'latin1')
  const ping = setInterval(() => socket.write('ping\n'), PING)
  try {
    for await (const line of fanoutLines(chunksOf(socket, PING * 3))) {
      const mark = line.indexOf('!')
      // The answer to a ping is a number alone.
      if (mark === -1) continue
      const channel = line.subarray(0, mark)
      const body = line.subarray(mark + 1)
      if (channel.toString('latin1') !== 'debug') yield plainMessage(channel.toString(), body)
      else if (body.toString('latin1') === 'busy') throw new Error('the server is full')
      else yield { kind: 'connected', detail: shown(url) }
    }
  } finally {
    clearInterval(ping)
  }
}

/** @throws RefusedError for a name that the protocol cannot carry */
export function fanoutAddress(url: URL): ReturnType<typeof namedAddress> {
  const address = namedAddress(url, FANOUT_PORT, 'channel')
  if (/[ \n\0!]/.test(address.name)) {
    throw new RefusedError('a fanout channel has no space, no line break, no NUL and no ! in it')
  }
  return address
}

/**
 * The lines of a fanout connection. A carriage return is part of them there.
 * @throws RefusedError for one without an end
 */
export async function* fanoutLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let begun: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      begun.push(chunk.subarray(from, end))
      const line = begun.length === 1 ? (begun[0] as Buffer) : Buffer.concat(begun)
      begun = []
      length = 0
      from = end + 1
      yield line
    }
    if (from < chunk.length) begun.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > MAX_LINE) throw new RefusedError(`a line has more than ${MAX_LINE} bytes`)
  }
}
