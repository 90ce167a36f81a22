// node scripts/soak.mjs: a real server under mixed load for an hour, whose memory and open files are looked at all the
// while. Ends with 1 when at the end it holds more than a tenth above what it held after five minutes. --help says more.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from './lib.mjs'
import { beginLoad } from './load/mixed.mjs'
import { readOptions } from './load/options.mjs'
import { freePort, Server } from './load/processes.mjs'
import { seeded, sleep } from './load/random.mjs'

const HELP = `node scripts/soak.mjs [--minutes N] [--settled N] [--every N] [--seed N] [--report FILE] [--no-build]

--minutes   how long (60)
--settled   after how many minutes memory is compared with that at the end (5; a quarter of --minutes if that is less)
--every     seconds between two looks (10)
--seed      of what clients do; by default another one each time
--report    writes what came of it there, as Markdown`

const values = readOptions(HELP, {
  minutes: { number: 60 },
  settled: { number: undefined },
  every: { number: 10 },
  report: { text: true },
})

/** How much more may be held at the end. */
const MOST = 1.1
/** Samples whose middle is compared: one alone is chance. */
const MIDDLE = 12
/** Open files may differ by so many: those of clients who are there at that moment. */
const FILES = 60

const seconds = values.minutes * 60
const settled = values.settled === undefined ? Math.min(300, seconds / 4) : values.settled * 60
const every = values.every * 1000
const folder = mkdtempSync(join(tmpdir(), 'fanfare-soak-'))
const samplesFile = join(folder, 'samples')
const files = []
let server
let code = 1
try {
  code = await run()
} finally {
  await server?.end('SIGKILL')
  if (code === 0) rmSync(folder, { recursive: true, force: true })
  else console.error(`everything is in ${folder}`)
}
process.exit(code)

async function run() {
  console.log(`${Math.round(seconds)} s of mixed load, seed ${values.seed}`)
  const ports = await startServer()
  const load = beginLoad(ports, seeded(values.seed))
  const started = performance.now()
  let said = started
  while (performance.now() - started < seconds * 1000 && server.runs) {
    await sleep(every)
    if (server.runs)
      files.push({ seconds: (performance.now() - started) / 1000, open: openFiles() })
    if (performance.now() - said > 300_000) {
      said = performance.now()
      console.log(`${lastSample()} ${JSON.stringify(load.counts)}`)
    }
  }
  const counts = { ...load.counts }
  await load.end()
  const result = report(counts)
  await server.end('SIGTERM')
  return result
}

/** Bounds that are reached within minutes: what is kept is meant to be kept. */
async function startServer() {
  const ports = {}
  for (const door of ['http', 'feed', 'redis', 'fanout', 'sparkleshare', 'management']) {
    ports[door] = await freePort()
  }
  const config = join(folder, 'fanfare.yaml')
  writeFileSync(
    config,
    `port: ${ports.http}
store:
  { type: file, path: ${join(folder, 'log')}, segment_bytes: 1MiB, cache_bytes: 4MiB, max_messages: 200,
    max_bytes: 8MiB, max_total_messages: 4000 }
feed: { port: ${ports.feed}, stillalive: 1s }
redis: { port: ${ports.redis} }
fanout: { port: ${ports.fanout} }
sparkleshare: { port: ${ports.sparkleshare}, zeromq: false }
management: { port: ${ports.management} }
limits: { heartbeat: 5s }
`,
  )
  process.env.SOAK_SAMPLES = samplesFile
  process.env.SOAK_EVERY = String(every)
  server = new Server('server', config, ['--import', join(root, 'scripts/load/sample.mjs')])
  await server.start()
  return ports
}

/** How many files the server has open; undefined where this cannot be seen. */
function openFiles() {
  const path = `/proc/${server.pid}/fd`
  return existsSync(path) ? readdirSync(path).length : undefined
}

function samples() {
  if (!existsSync(samplesFile)) return []
  const lines = readFileSync(samplesFile, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

function lastSample() {
  const { seconds: at, rss, heapUsed, p99 } = samples().at(-1) ?? {}
  return `${at} s: ${mib(rss)} resident, ${mib(heapUsed)} of heap, loop p99 ${p99?.toFixed(0)} ms`
}

/** The one in the middle. */
function middle(list, key) {
  const sorted = list
    .map((sample) => sample[key])
    .filter((value) => value !== undefined)
    .toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** @returns the exit code */
function report(counts) {
  const all = samples()
  const after = all.filter((sample) => sample.seconds >= settled)
  const begun = after.slice(0, MIDDLE)
  const last = after.slice(-MIDDLE)
  const filesAfter = files.filter((sample) => sample.seconds >= settled)
  const lines = [
    `${Math.round(seconds / 60)} minutes, seed ${values.seed}: ${JSON.stringify(counts)}`,
    '',
    `| | after ${(settled / 60).toFixed(1)} minutes | at the end | change |`,
    '| --- | ---: | ---: | ---: |',
  ]
  for (const [key, name] of [
    ['rss', 'resident memory'],
    ['heapUsed', 'heap in use'],
    ['external', 'external'],
    ['arrayBuffers', 'of that, array buffers'],
  ]) {
    const [one, other] = [middle(begun, key), middle(last, key)]
    lines.push(
      `| ${name} | ${mib(one)} | ${mib(other)} | ${((other / one - 1) * 100).toFixed(1)} % |`,
    )
  }
  const [filesBegun, filesLast] = [
    middle(filesAfter.slice(0, MIDDLE), 'open'),
    middle(filesAfter.slice(-MIDDLE), 'open'),
  ]
  lines.push(`| open files | ${filesBegun} | ${filesLast} | ${filesLast - filesBegun} |`)
  lines.push(
    `| event loop delay, p99 | ${middle(begun, 'p99')?.toFixed(1)} ms | ${middle(last, 'p99')?.toFixed(1)} ms | |`,
  )
  const most = Math.max(...after.map((sample) => sample.rss))
  lines.push('', `The most that was resident: ${mib(most)}. Samples: ${all.length}.`)
  const text = `${lines.join('\n')}\n`
  console.log(text)
  if (values.report !== undefined) {
    mkdirSync(dirname(values.report), { recursive: true })
    writeFileSync(values.report, text)
    writeFileSync(
      `${values.report}.samples`,
      all.map((sample) => JSON.stringify(sample)).join('\n'),
    )
  }
  const problems = []
  if (!server.runs) problems.push(`the server has ended: ${server.crashes.join('; ')}`)
  const grown = middle(last, 'rss') / middle(begun, 'rss')
  if (!(grown <= MOST)) problems.push(`resident memory grew to ${grown.toFixed(2)} times as much`)
  if (filesBegun !== undefined && filesLast > filesBegun + FILES)
    problems.push('files are left open')
  if (!(counts.heard > counts.published)) problems.push('hardly anything was heard')
  for (const problem of problems) console.error(problem)
  if (problems.length === 0) console.log('Memory and open files are flat.')
  return problems.length === 0 ? 0 : 1
}

function mib(bytes) {
  return bytes === undefined ? '–' : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
