// One who listens at each door, as its protocol has it: whoever is disconnected comes back with what it remembers.
import { request } from 'node:http'
import { connect } from 'node:net'
import { sleep } from './random.mjs'

/** A connection without a byte for so long is given up, in ms. */
const SILENCE = 20_000

/** What one listener has got of one channel. */
export class Tally {
  /** Sequence numbers, and how often each came beyond what its protocol sends again. */
  seen = new Set()
  doubled = []
  reordered = []
  gaps = []
  newest = -1
  connections = 0

  constructor(door, place, channel, repeats = false) {
    Object.assign(this, { door, place, channel, repeats })
  }

  /** @param again whether what came before may come again: the first on a new connection of a door without cursors */
  got(text, again = false) {
    const found = /\bn\\?":(\d+)/.exec(text)
    if (!found) return
    const n = Number(found[1])
    if (this.seen.has(n)) {
      if (!again) this.doubled.push(n)
      return
    }
    this.seen.add(n)
    if (n < this.newest) this.reordered.push(n)
    this.newest = Math.max(n, this.newest)
  }
}

/** Connects again and again until it is told to stop. @param once one connection, until it has ended */
function keep(tally, state, once) {
  const loop = async () => {
    while (!state.stopped) {
      tally.connections++
      await once()
      if (!state.stopped) await sleep(50 + 200 * Math.random())
    }
  }
  return loop()
}

/** A socket that is given up when nothing comes, or when what comes makes no sense. */
function bytes(port, hello, state, onBytes) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(SILENCE, () => socket.destroy())
    state.open.add(socket)
    socket.on('connect', () => socket.write(hello))
    socket.on('data', (piece) => {
      try {
        onBytes(piece, socket)
      } catch {
        socket.destroy()
      }
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.destroy())
    socket.on('close', () => {
      state.open.delete(socket)
      resolve()
    })
  })
}

/** The same in lines. */
function lines(port, hello, state, onLine) {
  let rest = ''
  return bytes(port, hello, state, (piece) => {
    const parts = (rest + piece.toString('latin1')).split(/\r?\n/)
    rest = parts.pop()
    for (const part of parts) onLine(part)
  })
}

export function sse(port, tally, state) {
  let last = 'all'
  return keep(tally, state, () => {
    let id
    let event = ''
    let data = ''
    return lines(
      port,
      `GET /events/${tally.channel}?since=${encodeURIComponent(last)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      state,
      (line) => {
        if (line.startsWith('id:')) id = line.slice(3).trim()
        else if (line.startsWith('event:')) event = line.slice(6).trim()
        else if (line.startsWith('data:')) data += line.slice(5)
        else if (line === '') {
          if (event === 'gap') tally.gaps.push(data)
          else if (data !== '') tally.got(data)
          if (id !== undefined) last = id
          event = ''
          data = ''
        }
      },
    )
  })
}

export async function webSocket(port, tally, state) {
  const { WebSocket } = await import('ws')
  let last = 'all'
  return keep(tally, state, () => {
    /** @type {import('ws').WebSocket} */
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/${tally.channel}?since=${last}`)
    const closer = { destroy: () => socket.terminate() }
    state.open.add(closer)
    let heard = performance.now()
    const watch = setInterval(() => {
      if (performance.now() - heard > SILENCE) socket.terminate()
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"ping":1}')
    }, SILENCE / 4)
    socket.on('message', (/** @type {Buffer} */ frame) => {
      heard = performance.now()
      const message = JSON.parse(frame.toString())
      if (message.gap) tally.gaps.push(JSON.stringify(message.gap))
      if (message.id === undefined) return
      last = message.cursor ?? message.id
      tally.got(JSON.stringify(message))
    })
    socket.on('error', () => {})
    return new Promise((resolve) => {
      socket.on('close', () => {
        clearInterval(watch)
        state.open.delete(closer)
        resolve()
      })
    })
  })
}

/** @param session asks the server to know this listener; resolves to its session */
export async function socketIo(port, tally, state, session) {
  const { io } = await import('socket.io-client')
  let last
  return keep(tally, state, async () => {
    const known = await session().catch(() => undefined)
    if (known === undefined) return
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: SILENCE,
      auth: { session: known, envelope: true },
    })
    const closer = { destroy: () => socket.disconnect() }
    state.open.add(closer)
    socket.on('message', (message) => {
      if (message.channel !== tally.channel) return
      last = message.cursor ?? message.id
      tally.got(JSON.stringify(message))
    })
    socket.on('gap', (gap) => tally.gaps.push(JSON.stringify(gap)))
    await new Promise((resolve) => {
      socket.on('connect', () => {
        const options = { as: 'session', since: last ?? 'all' }
        socket.timeout(SILENCE).emit('subscribe', [tally.channel], options, (lost, answer) => {
          // What it has not answered may have been heard all the same.
          if (lost || answer?.error) socket.disconnect()
        })
      })
      for (const end of ['disconnect', 'connect_error']) socket.on(end, resolve)
      closer.destroy = () => {
        socket.disconnect()
        resolve()
      }
    })
    socket.disconnect()
    state.open.delete(closer)
  })
}

/** The feed's cursor is a time: what is of that time comes again. */
export function feed(port, tally, state) {
  let since = '0'
  return keep(tally, state, () => {
    const newest = tally.newest
    return lines(
      port,
      `GET /${tally.channel} HTTP/1.1\r\nHost: x\r\nX-Fetch-Since: ${since}\r\n\r\n`,
      state,
      (line) => {
        const alive = /"stillalive": ([\d.]+)/.exec(line)
        if (alive) since = alive[1]
        else if (line.includes('"gap"')) tally.gaps.push(line)
        else {
          const n = Number(/"n":(\d+)/.exec(line)?.[1] ?? -1)
          tally.got(line, n <= newest)
        }
      },
    )
  })
}

export async function xread(port, tally, state) {
  const { ReplyParser, encodeCommand } = await import('../../dist/src/client/resp.js')
  let last = '0-0'
  const ask = () =>
    encodeCommand(['XREAD', 'COUNT', '100', 'BLOCK', '2000', 'STREAMS', tally.channel, last])
  const take = (reply) => {
    if (reply instanceof Error) throw reply
    for (const [, entries] of reply ?? []) {
      for (const [id, fields] of entries) {
        last = String(id)
        tally.got(fields.map(String).join(' '))
      }
    }
  }
  return keep(tally, state, () => {
    const parser = new ReplyParser()
    return bytes(port, ask(), state, (piece, socket) => {
      const replies = parser.push(piece)
      for (const reply of replies) take(reply)
      if (replies.length > 0) socket.write(ask())
    })
  })
}

/** One request with a time limit. @returns status and text; status 0 when there was no answer */
export function call(
  port,
  method,
  path,
  { body = '', headers = {}, agent, timeout = 10_000 } = {},
) {
  return new Promise((resolve) => {
    const ask = request(
      { port, host: '127.0.0.1', method, path, headers, agent, timeout },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece) => (text += piece))
        answer.once('end', () => resolve({ status: answer.statusCode, text }))
        answer.once('error', () => resolve({ status: 0, text: '' }))
        answer.once('aborted', () => resolve({ status: 0, text: '' }))
      },
    )
    ask.once('timeout', () => ask.destroy(new Error('no answer')))
    ask.once('error', (error) => resolve({ status: 0, text: String(error) }))
    ask.end(body)
  })
}
