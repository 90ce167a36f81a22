// node scripts/chaos.mjs: real servers under load by several doors, which are killed, paused, flooded and cut off, while
// a process of its own counts every acknowledged message at every subscriber. Ends with 1 when one was lost, doubled or
// out of order. --help says more.
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './lib.mjs'
import { readOptions } from './load/options.mjs'
import { Cable, freePort, Redis, Server } from './load/processes.mjs'
import { seeded, sleep } from './load/random.mjs'

const HELP = `node scripts/chaos.mjs [--minutes N] [--seed N] [--quick] [--only file|cluster] [--sabotage]
                             [--report FILE] [--no-build]

--minutes   how long things go wrong (30)
--quick     20 seconds
--seed      of what goes wrong and when; by default another one each time
--only      the server on the file store, or the two nodes on a Redis, alone
--sabotage  a test of this script: once, the server on the file store forgets its log while nobody can listen
--report    writes what came of it there, as Markdown`

const values = readOptions(HELP, {
  minutes: { number: 30 },
  quick: { flag: true },
  only: { choice: ['file', 'cluster'], none: true },
  sabotage: { flag: true },
  report: { text: true },
})

/** Between two things that go wrong, in ms, about. */
const BETWEEN = 1_500
/** Between two messages of one publisher, in ms, about. */
const INTERVAL = 15
const FLOOD = 400
/** How long what was acknowledged may be on its way when all is well again, in ms. */
const patience = values.sabotage ? 15_000 : 180_000

const random = seeded(values.seed)
const duration = values.quick ? 20_000 : values.minutes * 60_000
const folder = mkdtempSync(join(tmpdir(), 'fanfare-chaos-'))
const log = []
const counts = new Map()
const cables = []
const programs = []
let code = 1
try {
  code = await run()
} finally {
  for (const cable of cables) cable.end()
  for (const program of programs) {
    program.signal('SIGCONT')
    await program.end('SIGKILL')
  }
  if (code === 0) rmSync(folder, { recursive: true, force: true })
  else console.error(`everything is in ${folder}`)
}
process.exit(code)

async function run() {
  const started = performance.now()
  console.log(`${Math.round(duration / 1000)} s of chaos, seed ${values.seed}`)
  const places = []
  const victims = []
  if (values.only !== 'cluster') await startFile(places, victims)
  if (values.only !== 'file') await startCluster(places, victims)
  const checker = startChecker(
    places.map(({ name, nodes }) => ({ name, nodes: nodes.map(portsOf) })),
  )
  const end = performance.now() + duration
  while (performance.now() < end) {
    await sleep(BETWEEN * (0.3 + 1.4 * random()))
    const what = pick(victims)
    note(`begins ${what.name}`)
    await what.act()
    note(`over   ${what.name}`)
    counts.set(what.name, (counts.get(what.name) ?? 0) + 1)
  }
  if (values.sabotage) await sabotage(programs.find(({ name }) => name === 'file'))
  note('nothing goes wrong any more')
  const rows = await checker.finish()
  return report(rows, (performance.now() - started) / 1000)
}

/** What goes wrong with one server, whatever its store. */
function harm(name, server, node) {
  const again = async () => {
    await sleep(2_000 * random())
    await server.start()
  }
  const all = Object.values(node.cables)
  return [
    { name: `${name}: SIGKILL`, act: () => server.end('SIGKILL').then(again) },
    { name: `${name}: SIGTERM`, act: () => server.end('SIGTERM').then(again) },
    {
      name: `${name}: SIGSTOP`,
      act: async () => {
        server.signal('SIGSTOP')
        await sleep(500 + 4_000 * random())
        server.signal('SIGCONT')
      },
    },
    { name: `${name}: connections cut`, act: async () => pick(all).cut() },
    { name: `${name}: all connections cut`, act: async () => all.forEach((cable) => cable.cut()) },
    { name: `${name}: held`, act: () => pick(all).hold(500 + 4_000 * random()) },
    { name: `${name}: unreachable`, act: () => pick(all).close(500 + 3_000 * random()) },
    { name: `${name}: connection flood`, act: () => flood(pick(node.doors), () => '') },
    { name: `${name}: garbage`, act: () => flood(pick(node.doors), garbage) },
  ]
}

/** What was acknowledged while the feed and the redis door could not be reached is gone when they can. */
async function sabotage(server) {
  const [, feed, redis] = cables
  const away = [feed.close(4_000), redis.close(4_000)]
  await sleep(3_000)
  await server.end('SIGKILL')
  rmSync(join(folder, 'log'), { recursive: true, force: true })
  await Promise.all(away)
  await server.start()
}

async function startFile(places, victims) {
  const node = await makeNode(
    'file',
    `store:
  { type: file, path: ${join(folder, 'log')}, durability: always, segment_bytes: 4MiB,
    message_timeout: 0, max_messages: 0 }
`,
  )
  await node.server.start()
  places.push({ name: 'file store', nodes: [node] })
  victims.push(...harm('file store', node.server, node))
}

async function startCluster(places, victims) {
  const data = join(folder, 'redis')
  mkdirSync(data)
  const redis = new Redis(await freePort(), data)
  programs.push(redis)
  await redis.start()
  const nodes = []
  for (const name of ['one', 'two']) {
    const cable = await makeCable(redis.port)
    const node = await makeNode(
      name,
      `store:
  { type: redis, host: 127.0.0.1, port: ${cable.port}, timeout: 2s, publish_wait: 5s, message_timeout: 0,
    max_messages: 0 }
cluster: { node: ${name}, heartbeat: 500ms, lease: 3s }
`,
    )
    await node.server.start()
    nodes.push(node)
    victims.push(...harm(`node ${name}`, node.server, node))
    victims.push({
      name: `node ${name}: cut off from Redis`,
      act: () => cable.close(500 + 4_000 * random()),
    })
    victims.push({
      name: `node ${name}: Redis does not answer it`,
      act: () => cable.hold(500 + 4_000 * random()),
    })
  }
  places.push({ name: 'cluster', nodes })
  victims.push({
    name: 'redis: SIGKILL',
    act: async () => {
      await redis.end('SIGKILL')
      await sleep(2_000 * random())
      await redis.start()
    },
  })
  victims.push({
    name: 'redis: SIGSTOP',
    act: async () => {
      redis.signal('SIGSTOP')
      await sleep(500 + 3_000 * random())
      redis.signal('SIGCONT')
    },
  })
}

async function makeCable(to) {
  const cable = await new Cable(to).listen()
  cables.push(cable)
  return cable
}

/** A server's configuration on ports of its own, and a cable to each door that is listened at. */
async function makeNode(name, store) {
  const ports = {}
  for (const door of ['http', 'feed', 'redis', 'management', 'fanout', 'sparkleshare']) {
    ports[door] = await freePort()
  }
  const config = join(folder, `${name}.yaml`)
  writeFileSync(
    config,
    `port: ${ports.http}
${store}
feed: { port: ${ports.feed}, stillalive: 1s }
redis: { port: ${ports.redis} }
fanout: { port: ${ports.fanout} }
sparkleshare: { port: ${ports.sparkleshare}, zeromq: false }
management: { port: ${ports.management} }
limits: { heartbeat: 2s }
`,
  )
  const cable = {}
  for (const door of ['http', 'feed', 'redis']) cable[door] = await makeCable(ports[door])
  const server = new Server(name, config)
  programs.push(server)
  return { server, ports, cables: cable, doors: Object.values(ports) }
}

function portsOf({ cables: { http, feed, redis }, ports }) {
  return { http: http.port, feed: feed.port, redis: redis.port, management: ports.management }
}

function startChecker(places) {
  const settings = JSON.stringify({
    places,
    seed: values.seed,
    interval: INTERVAL,
    patience,
  })
  const child = spawn(process.execPath, [join(root, 'scripts/load/checker.mjs'), settings], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints = (complaints + text).slice(-10_000)
    note(text.trim())
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  return {
    finish: async () => {
      child.stdin.write('finish\n')
      const status = await ended
      if (status !== 0) throw new Error(`the checker failed: ${complaints}`)
      return JSON.parse(said)
    },
  }
}

/** Many connections at once, which say something and break off. */
async function flood(port, words) {
  const one = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        const text = words()
        if (text !== '') socket.write(Buffer.from(text, 'latin1'))
        setImmediate(() => socket.resetAndDestroy())
      })
      socket.on('error', () => {})
      socket.on('close', resolve)
    })
  for (let wave = 0; wave < 4; wave++) await Promise.all(Array.from({ length: FLOOD / 4 }, one))
}

function garbage() {
  const start = pick([
    '',
    'GET / HTTP/1.1\r\n',
    'POST /publisher/x HTTP/1.1\r\nContent-Length: 9\r\n',
    '*3\r\n$7\r\n',
    '{"repo":',
    '<packet>',
  ])
  let text = start
  for (let left = random() * 300; left > 0; left--) text += String.fromCharCode(random() * 256)
  return text
}

function pick(list) {
  return list[Math.floor(random() * list.length)]
}

function note(text) {
  const line = `${new Date().toISOString().slice(11, 23)} ${text}`
  log.push(line)
  appendFileSync(join(folder, 'events'), `${line}\n`)
}

function sum(list, key) {
  return list.reduce((all, row) => all + row[key], 0)
}

/** @returns the exit code */
function report(rows, seconds) {
  const bad = rows.filter((row) => row.lostCount + row.doubledCount + row.reorderedCount > 0)
  const crashes = programs.flatMap(({ name, crashes: list }) =>
    list.map((text) => `${name} ${text}`),
  )
  const doors = [...new Set(rows.map(({ place, door }) => `${place.replace(/ \d$/, '')}|${door}`))]
  const lines = [
    `${Math.round(seconds)} s, seed ${values.seed}; ${[...counts.values()].reduce((a, b) => a + b, 0)} things went wrong:`,
    [...counts]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
    '',
    '| servers | door | subscribers | connections | acknowledged messages due | lost | doubled | out of order | gaps told | silent gaps |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
  ]
  for (const key of doors) {
    const [place, door] = key.split('|')
    const list = rows.filter((row) => row.door === door && row.place.replace(/ \d$/, '') === place)
    const silent = list.filter(({ silentGap }) => silentGap).length
    const figures = ['acknowledged', 'lostCount', 'doubledCount', 'reorderedCount', 'gapsTold'].map(
      (field) => sum(list, field),
    )
    lines.push(
      `| ${[place, door, list.length, sum(list, 'connections'), ...figures, silent].join(' | ')} |`,
    )
  }
  const text = `${lines.join('\n')}\n`
  console.log(text)
  if (values.report !== undefined) {
    mkdirSync(dirname(values.report), { recursive: true })
    writeFileSync(values.report, text)
  }
  if (bad.length === 0 && crashes.length === 0) {
    console.log(
      'No acknowledged message was lost, doubled or out of order; no server ended by itself.',
    )
    return 0
  }
  for (const crash of crashes) console.error(crash)
  for (const row of bad) console.error(JSON.stringify(row))
  console.error(log.slice(-200).join('\n'))
  return 1
}
