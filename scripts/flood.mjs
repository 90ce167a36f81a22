// node scripts/flood.mjs [seconds] [attackers]: a flood of connection attempts from one address, each closed by
// reset, while another address publishes on a connection that it already has. Says how long those
// publishes took, before and during the flood. Needs Linux: all of 127.0.0.0/8 is this machine there.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ensureBuilt, ensureInstalled } from './lib.mjs'

const SELF = fileURLToPath(import.meta.url)
/** Most that a publish may take, at the 99th percentile, in ms. */
const MOST = 100
/** Attempts that one attacker has under way. */
const UNDER_WAY = 64

if (process.argv[2] === 'attack') attack(Number(process.argv[3]))
else await measure(Number(process.argv[2] ?? 10), Number(process.argv[3] ?? 1))

/** Connects and resets, as fast as it goes, and says each second how often. */
function attack(port) {
  let count = 0
  const attempt = () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
    socket.on('error', () => {})
    socket.on('connect', () => {
      count++
      socket.resetAndDestroy()
    })
    socket.on('close', attempt)
  }
  for (let n = 0; n < UNDER_WAY; n++) attempt()
  setInterval(() => {
    process.send?.(count)
    count = 0
  }, 1000)
}

async function measure(seconds, attackers) {
  ensureInstalled()
  ensureBuilt()
  const server = spawn(process.execPath, ['dist/src/cli/main.js', 'serve', '--port', '0'], {
    env: {
      ...process.env,
      FANFARE_STORE: '{ type: memory }',
      FANFARE_FEED: 'false',
      FANFARE_REDIS: 'false',
      FANFARE_FANOUT: 'false',
      FANFARE_SPARKLESHARE: 'false',
      FANFARE_MANAGEMENT: 'false',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const children = [server]
  try {
    const port = await portOf(server)
    const publisher = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1', noDelay: true })
    await once(publisher, 'connect')
    const quiet = await publish(publisher, 2)
    let attempts = 0
    for (let n = 0; n < attackers; n++) {
      const child = spawn(process.execPath, [SELF, 'attack', String(port)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      child.on('message', (count) => (attempts += count))
      children.push(child)
    }
    await Promise.all(children.slice(1).map((child) => once(child, 'message')))
    attempts = 0
    const flooded = await publish(publisher, seconds)
    report('before the flood', quiet)
    report('during the flood', flooded)
    console.log(
      `attempts          ${Math.round(attempts / seconds)} a second, each closed by reset`,
    )
    const ok = flooded.p99 < MOST
    console.log(`${ok ? 'ok' : 'TOO SLOW'}: 99 of 100 within ${MOST} ms is asked for`)
    process.exitCode = ok ? 0 : 1
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

async function portOf(server) {
  let text = ''
  for await (const piece of server.stdout) {
    text += piece
    const port = /listens on \S*http:\/\/[^:\s]+:(\d+)/.exec(text)?.[1]
    if (port !== undefined) {
      server.stdout.resume()
      return Number(port)
    }
  }
  throw new Error(`the server did not start: ${text}`)
}

/** One publish after the other. @returns how long they took, in ms */
async function publish(socket, seconds) {
  const request = Buffer.from(
    'POST /publisher/flood HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello',
  )
  const times = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const begun = performance.now()
    socket.write(request)
    const [answer] = await once(socket, 'data')
    if (!answer.toString('latin1').startsWith('HTTP/1.1 20')) throw new Error(String(answer))
    times.push(performance.now() - begun)
    // As somebody who publishes now and then.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  times.sort((a, b) => a - b)
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))]
  return { count: times.length, p50: at(0.5), p99: at(0.99), most: times.at(-1) }
}

function report(what, { count, p50, p99, most }) {
  console.log(
    `${what.padEnd(18)}${count} publishes: p50 ${ms(p50)}, p99 ${ms(p99)}, most ${ms(most)}`,
  )
}

function ms(time) {
  return `${time.toFixed(1)} ms`
}
