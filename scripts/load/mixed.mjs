// The load of scripts/soak.mjs: clients of every door, which come and go, read slowly, publish and manage.
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { sleep } from './random.mjs'
import { call, feed, socketIo, sse, webSocket, xread } from './subscribers.mjs'

const CHANNELS = Array.from({ length: 20 }, (_, n) => `soak-${n}`)
/** Who stays, for each door. */
const STAY = 10
/** Between two who come for a while, in ms, and how long they stay. */
const COME = 150
const LEAVE = 8_000
/** Between two messages, in ms, of each kind of publisher. */
const PUBLISH = 40
/** How long a slow reader reads nothing, in ms. */
const SLOW = 20_000
const SLOW_READERS = 5

/** What is counted, and nothing kept of it. */
class Count {
  newest = -1
  connections = 0
  gaps = { push: () => void this.all.gaps++ }

  constructor(channel, all) {
    this.channel = channel
    this.all = all
  }

  got() {
    this.all.heard++
  }
}

/**
 * Begins.
 * @param ports of the doors
 * @returns counts, and how to end
 */
export function beginLoad(ports, random) {
  const all = { published: 0, failed: 0, heard: 0, gaps: 0, came: 0, managed: 0, refused: 0 }
  const state = { stopped: false, open: new Set() }
  const pick = (list) => list[Math.floor(random() * list.length)]
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let users = 0
  const listen = (door, shared) => {
    const count = new Count(pick(CHANNELS), all)
    if (door === 'sse') return sse(ports.http, count, shared)
    if (door === 'websocket') return webSocket(ports.http, count, shared)
    if (door === 'feed') return feed(ports.feed, count, shared)
    if (door === 'xread') return xread(ports.redis, count, shared)
    const user = String(10_000 + (users++ % 500))
    const session = async () => {
      const { status } = await call(ports.management, 'GET', `/auth/set/${user}/s-${user}`, {
        agent,
      })
      return status === 200 ? `s-${user}` : undefined
    }
    return socketIo(ports.http, count, shared, session)
  }
  const doors = ['sse', 'websocket', 'feed', 'xread', 'socketio']
  const work = doors.flatMap((door) => Array.from({ length: STAY }, () => listen(door, state)))
  const repeat = (every, once) =>
    work.push(
      (async () => {
        while (!state.stopped) {
          await once()
          await sleep(every * (0.5 + random()))
        }
      })(),
    )
  let n = 0
  const body = () => JSON.stringify({ n: n++, text: 'x'.repeat(Math.floor(random() * 400)) })

  repeat(PUBLISH, async () => {
    const json = { 'Content-Type': 'application/json' }
    const path = `/publisher/${pick(CHANNELS)}`
    const { status } = await call(ports.http, 'POST', path, { body: body(), headers: json, agent })
    if (status >= 200 && status < 300) all.published++
    else all.failed++
  })
  repeat(PUBLISH * 4, () => speak(ports.redis, `PUBLISH ${pick(CHANNELS)} "x${n++}"\r\n`, all))
  repeat(PUBLISH * 4, () => speak(ports.redis, `XADD ${pick(CHANNELS)} * body y${n++}\r\n`, all))
  repeat(PUBLISH * 4, () => speak(ports.fanout, `announce ${pick(CHANNELS)} z${n++}\n`, all))
  repeat(PUBLISH * 4, () =>
    speak(
      ports.sparkleshare,
      `{"repo": "${pick(CHANNELS)}", "command": "new_version", "revision": "r${n++}"}`,
      all,
    ),
  )
  repeat(PUBLISH * 4, () =>
    speak(ports.feed, `POST /${pick(CHANNELS)} HTTP/1.1\r\n\r\n${body()}\n`, all),
  )

  // Those who come for a while.
  repeat(COME, async () => {
    all.came++
    const visit = { stopped: false, open: new Set() }
    const gone = listen(pick(doors), visit)
    const leave = async () => {
      await sleep(LEAVE * random())
      visit.stopped = true
      for (const one of visit.open) one.destroy()
      await gone
    }
    void leave()
  })
  for (let reader = 0; reader < SLOW_READERS; reader++)
    repeat(1_000, () => readSlowly(ports.http, pick(CHANNELS)))
  // Requests that are refused, and garbage.
  repeat(500, async () => {
    const { status } = await call(ports.http, 'GET', `/events/${pick(CHANNELS)}?since=nonsense`, {
      agent,
    })
    if (status === 400) all.refused++
    await speak(pick(Object.values(ports)), 'nonsense\0\xff\r\n\r\n', all)
  })
  repeat(300, async () => {
    const user = Math.floor(random() * 500)
    const path = pick([
      `/auth/add/${user}/m-${user}`,
      `/auth/remove/${user}/m-${user}`,
      '/user/listAll',
      `/channel/publish/${pick(CHANNELS)}/%7B%22n%22:1%7D`,
      '/console/data',
      '/api',
    ])
    const { status } = await call(ports.management, 'GET', path, { agent })
    if (status !== 0) all.managed++
  })
  return {
    counts: all,
    async end() {
      state.stopped = true
      for (const one of state.open) one.destroy()
      await Promise.race([Promise.all(work), sleep(LEAVE + SLOW)])
      agent.destroy()
    },
  }
}

/** Says something on a connection of its own, reads a while, and goes. */
function speak(port, words, all) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(words, 'latin1')))
    socket.setTimeout(2_000, () => socket.destroy())
    socket.once('data', () => {
      all.published++
      socket.destroy()
    })
    setTimeout(() => socket.destroy(), 300)
    socket.on('error', () => all.failed++)
    socket.on('close', resolve)
  })
}

/** Asks for everything, and reads nothing of it. */
async function readSlowly(port, channel) {
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`GET /events/${channel}?since=all HTTP/1.1\r\nHost: x\r\n\r\n`)
    socket.pause()
  })
  socket.on('error', () => {})
  await sleep(SLOW)
  socket.resume()
  await sleep(1_000)
  socket.destroy()
}
