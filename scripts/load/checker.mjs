// The independent checker of scripts/chaos.mjs: a process that publishes, listens at every door, and counts. It knows what
// was acknowledged, and nothing of what is done to the servers. Its argument is JSON: the places; `finish` on its
// standard input ends the publishing, and once everything has come, or does not come, it writes what it has found.
import { Agent } from 'node:http'
import { seeded, sleep } from './random.mjs'
import { call, feed, socketIo, sse, Tally, webSocket, xread } from './subscribers.mjs'

const { places, seed, interval, patience } = JSON.parse(process.argv[2])
const random = seeded(seed)
const state = { stopped: false, open: new Set() }
const channels = []
const tallies = []
let publishing = true

for (const [index, place] of places.entries()) {
  // With a key, publishers ask again until they are answered; without, once.
  for (const keyed of [true, false]) {
    const channel = { name: `chaos-${index}-${keyed ? 'keyed' : 'once'}`, place, keyed }
    Object.assign(channel, { next: 0, acknowledged: new Set(), uncertain: new Set() })
    channels.push(channel)
    subscribe(channel, place)
  }
}
const publishers = channels.map(publish)
process.stdin.setEncoding('utf8').on('data', (text) => {
  if (text.includes('finish')) void finish()
})
setInterval(() => {
  process.stderr.write(
    `${channels.map(({ acknowledged }) => acknowledged.size).join(' ')} acknowledged\n`,
  )
}, 30_000).unref()

function subscribe(channel, { nodes, name }) {
  for (const [index, node] of nodes.entries()) {
    const tally = (door, repeats) => {
      const one = new Tally(door, `${name} ${index}`, channel.name, repeats)
      tallies.push({ tally: one, channel })
      return one
    }
    void sse(node.http, tally('sse'), state)
    void webSocket(node.http, tally('websocket'), state)
    void feed(node.feed, tally('feed', true), state)
    void xread(node.redis, tally('redis XREAD'), state)
    const user = String(1_000 + tallies.length)
    const session = async () => {
      const { status } = await call(node.management, 'GET', `/auth/add/${user}/session-${user}`)
      return status === 200 ? `session-${user}` : undefined
    }
    void socketIo(node.http, tally('socket.io'), state, session)
  }
}

async function publish(channel) {
  const { nodes } = channel.place
  const agent = new Agent({ keepAlive: true })
  while (publishing) {
    const n = channel.next++
    const headers = { 'Content-Type': 'application/json' }
    if (channel.keyed) headers['Idempotency-Key'] = `${channel.name}-${n}`
    for (;;) {
      const { http } = nodes[Math.floor(random() * nodes.length)]
      const body = JSON.stringify({ n })
      const { status } = await call(http, 'POST', `/publisher/${channel.name}`, {
        body,
        headers,
        agent,
      })
      if (status >= 200 && status < 300) {
        channel.acknowledged.add(n)
        channel.uncertain.delete(n)
        break
      }
      channel.uncertain.add(n)
      if (!channel.keyed) break
      if (!publishing) break
      await sleep(50)
    }
    await sleep(interval * 2 * random())
  }
  agent.destroy()
}

/** Whether all that was acknowledged has come. */
function isWhole({ tally, channel }) {
  return [...channel.acknowledged].every((n) => tally.seen.has(n))
}

async function finish() {
  publishing = false
  await Promise.all(publishers)
  const end = performance.now() + patience
  while (performance.now() < end && !tallies.every(isWhole)) await sleep(200)
  // Whatever comes twice comes soon.
  await sleep(2_000)
  state.stopped = true
  for (const one of state.open) one.destroy()
  const rows = tallies.map(({ tally, channel }) => {
    const lost = [...channel.acknowledged].filter((n) => !tally.seen.has(n))
    const { door, place, gaps, connections, doubled } = tally
    // What was never answered may have been stored late.
    const reordered = tally.reordered.filter((n) => channel.keyed || !channel.uncertain.has(n))
    return {
      door,
      place,
      channel: channel.name,
      acknowledged: channel.acknowledged.size,
      heard: tally.seen.size,
      lost: lost.slice(0, 20),
      lostCount: lost.length,
      doubled: doubled.slice(0, 20),
      doubledCount: doubled.length,
      reordered: reordered.slice(0, 20),
      reorderedCount: reordered.length,
      gapsTold: gaps.length,
      gaps: gaps.slice(0, 3),
      silentGap: lost.length > 0 && gaps.length === 0,
      connections,
    }
  })
  process.stdout.write(JSON.stringify(rows), () => process.exit(0))
}
