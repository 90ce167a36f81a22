// node scripts/bench-redis-store.mjs: how fast the Redis store is by itself; --help says more.
import { fork, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

const HELP = `node scripts/bench-redis-store.mjs [options]

Starts a redis-server of its own, and measures the store without the rest of the server:
  - publishes a second through one node, with so many under way at once;
  - milliseconds from a publish on one node to its being heard on another, at a steady rate;
  - deliveries that Redis makes for each message and node.

  --seconds N   of each measurement (10)
  --under-way N publishes at once (512)
  --bytes N     of a message's body (200)
  --channels N  that are published to (100)
  --rate N      publishes a second, for the milliseconds (1000)
  --aof         Redis keeps its log with an fsync for each write
  --no-build    runs what was built before
`
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    'under-way': { type: 'string', default: '512' },
    bytes: { type: 'string', default: '200' },
    channels: { type: 'string', default: '100' },
    rate: { type: 'string', default: '1000' },
    aof: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    dist: { type: 'string', default: join(root, 'dist') },
    listen: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
if (!values['no-build'] && values.listen === undefined) {
  ensureInstalled()
  ensureBuilt()
}
const from = (path) => import(join(values.dist, 'src', path))
const { RedisStore } = await from('stores/redis/redis-store.js')
const { REDIS_DEFAULTS } = await from('stores/redis/options.js')

/** ms that the other node has for what it has not heard yet. */
const LONGEST_WAIT = 30_000
const seconds = Number(values.seconds)
const body = Buffer.alloc(Number(values.bytes), 'x')
const channels = Number(values.channels)

function open(port) {
  const connection = { ...REDIS_DEFAULTS.connection, host: '127.0.0.1', port }
  const limits = { ...REDIS_DEFAULTS.limits, maxTotalMessages: 200_000 }
  const store = new RedisStore({ connection, limits, report: (text) => console.error(text) })
  return store
}

if (values.listen === undefined) await main()
else await listen(Number(values.listen))

async function main() {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-bench-'))
  const aof = values.aof ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...aof]
  const redis = spawn('redis-server', args, { cwd: folder, stdio: 'ignore' })
  const store = open(port)
  try {
    let heard = 0
    store.watch({ appended: () => heard++, removed: () => {} })
    // Redis may take a moment: the first attempt to connect may fail.
    const end = performance.now() + LONGEST_WAIT
    for (;;) {
      const answer = await outcome(store.stat('a'))
      if (!(answer instanceof Error)) break
      if (performance.now() > end) throw answer
      await tick()
    }
    await throughput(store, redis.pid, () => heard)
    // The other node is to begin in a second of its own, without what was published in this one.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    await latency(store, port)
  } finally {
    await store.close()
    redis.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function throughput(store, redisPid, heard) {
  const run = async (ms) => {
    const end = performance.now() + ms
    let count = 0
    const one = async () => {
      while (performance.now() < end) {
        await store.append({
          channel: `bench/${count++ % channels}`,
          body,
          contentType: 'text/plain',
        })
      }
    }
    await Promise.all(Array.from({ length: Number(values['under-way']) }, one))
    return count
  }
  await run(1_000)
  const cpu = process.cpuUsage()
  const redisCpu = cpuOf(redisPid)
  const begun = performance.now()
  const count = await run(seconds * 1_000)
  const took = (performance.now() - begun) / 1_000
  const used = process.cpuUsage(cpu)
  const own = (used.user + used.system) / 1e6
  const theirs = cpuOf(redisPid) - redisCpu
  const each = (cpuSeconds) => `${((cpuSeconds / count) * 1e6).toFixed(1)} µs a publish`
  console.log(`${Math.round(count / took)} publishes/s (${heard()} heard)`)
  console.log(`  CPU: node ${each(own)}, redis ${each(theirs)}`)
}

async function latency(store, port) {
  const args = ['--listen', String(port), '--no-build', '--dist', values.dist]
  const child = fork(new URL(import.meta.url), args)
  await message(child, 'ready')
  const rate = Number(values.rate)
  // A second to warm up, which does not count.
  const begun = performance.now() + 1_000
  let sent = -rate
  const pending = []
  while (performance.now() - begun < seconds * 1_000) {
    const due = Math.floor(((performance.now() - begun) / 1_000) * rate)
    for (; sent < due; sent++) {
      const stamped = Buffer.from(
        String(performance.timeOrigin + performance.now()).padEnd(body.length),
      )
      pending.push(store.append({ channel: `bench/${sent % channels}`, body: stamped }))
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  child.send(sent)
  const { delays, deliveries, messages } = await message(child, 'done')
  child.kill()
  if (delays.length < sent) throw new Error(`of ${sent} messages, ${delays.length} were heard`)
  delays.sort((a, b) => a - b)
  const at = (share) => `${delays[Math.floor((delays.length - 1) * share)].toFixed(2)} ms`
  console.log(`${rate}/s from one node to another: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`)
  console.log(`  ${deliveries} deliveries by Redis to the other node for ${messages} messages`)
}

/** The other node. */
async function listen(port) {
  const { Tail } = await from('stores/redis/tail.js')
  const delays = []
  let deliveries = 0
  const hear = Tail.prototype.hear
  Tail.prototype.hear = function (payload) {
    deliveries++
    hear.call(this, payload)
  }
  const store = open(port)
  let messages = 0
  store.watch({
    appended: ({ body: stamped }) => {
      const text = stamped.toString()
      // What was published in the second in which this node began is heard, too.
      if (text.startsWith('x')) return
      messages++
      if (text.startsWith('warm')) return
      delays.push(performance.timeOrigin + performance.now() - Number(text))
    },
    removed: () => {},
  })
  // The parent ended: nobody would ever ask.
  process.once('disconnect', () => process.exit(1))
  await store.stat('a')
  deliveries = 0
  messages = 0
  const finish = async (expected) => {
    const end = performance.now() + LONGEST_WAIT
    while (delays.length < expected && performance.now() < end) await tick()
    process.send({ kind: 'done', delays, deliveries, messages })
  }
  process.on('message', (expected) => void finish(expected))
  process.send({ kind: 'ready' })
}

/** What the other node tells. @throws Error when it ends, or says nothing for long */
function message(child, kind) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill(), 2 * LONGEST_WAIT)
    child.once('exit', () => reject(new Error(`the other node ended before it was ${kind}`)))
    child.on('message', (told) => {
      if (told.kind !== kind) return
      clearTimeout(late)
      resolve(told)
    })
  })
}

function outcome(promise) {
  return promise.then(
    (value) => value,
    (error) => error,
  )
}

function tick() {
  return new Promise((resolve) => setTimeout(resolve, 20))
}

/** CPU seconds of a process so far. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
