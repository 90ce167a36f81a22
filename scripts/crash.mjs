// node scripts/crash.mjs: publishes to a server that is killed with SIGKILL at random moments, starts it again,
// and compares what was acknowledged with what is in its log. Ends with 1 when a message is missing that
// may not be, or stands there twice. --help says more.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

const HELP = `node scripts/crash.mjs [--kills N] [--durability always|interval|os] [--seed N] [--no-build]

--kills       how often the server is killed (200)
--durability  of its store (always)
--publishers  how many publish at once (16)
--seed        of the moments; by default another one each time`

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    durability: { type: 'string', default: 'always' },
    publishers: { type: 'string', default: '16' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    'no-build': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
if (!values['no-build']) {
  ensureInstalled()
  ensureBuilt()
}
const { messagesOf, viewLog } = await import('../dist/src/stores/file/tools.js')
const { Selectors } = await import('../dist/src/model/selector.js')

/** How long a server may run before it is killed, in ms. */
const LONGEST_LIFE = 300

const kills = Number(values.kills)
const { durability } = values
const random = seeded(Number(values.seed))
const parent = mkdtempSync(join(tmpdir(), 'fanfare-crash-'))
const folder = join(parent, 'log')
const port = await freePort()
const config = join(parent, 'fanfare.yaml')
// Small files, so that some are begun and closed all the time.
writeFileSync(
  config,
  `port: ${port}
store:
  { type: file, path: ${folder}, durability: ${durability}, segment_bytes: 256KiB,
    message_timeout: 0, max_messages: 0 }
feed: false
redis: false
sparkleshare: false
fanout: false
management: false
`,
)

/** Sequence numbers whose publish was answered. */
const acknowledged = new Set()
let next = 0
let code = 1
try {
  code = await run()
} finally {
  rmSync(parent, { recursive: true, force: true })
}
process.exit(code)

async function run() {
  console.log(`${kills} kills, durability ${durability}, seed ${values.seed}`)
  const torn = []
  for (let kill = 1; kill <= kills; kill++) {
    const server = await startServer()
    let alive = true
    const agent = new Agent({ keepAlive: true })
    const publishers = Array.from({ length: Number(values.publishers) }, async () => {
      while (alive) {
        const number = next++
        if (await publish(agent, number)) acknowledged.add(number)
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * LONGEST_LIFE))
    server.kill('SIGKILL')
    await new Promise((resolve) => server.once('close', resolve))
    alive = false
    await Promise.all(publishers)
    agent.destroy()
    const { problem, findings } = await compare()
    torn.push(...findings.filter((text) => text.includes('torn')))
    if (problem) {
      console.error(`after kill ${kill}: ${problem}`)
      return 1
    }
    if (kill % 20 === 0) console.log(`${kill} kills, ${acknowledged.size} acknowledged`)
  }
  const { problem, lost, stored } = await compare()
  if (problem) {
    console.error(problem)
    return 1
  }
  console.log(
    `${acknowledged.size} acknowledged, ${stored} stored, ${lost} lost, none twice; ` +
      `a torn tail was cut ${torn.length} times`,
  )
  return 0
}

/** Everything that was acknowledged is there once; `findings` are the log's own. */
async function compare() {
  const view = viewLog(folder, true)
  const findings = view.findings.map(({ text }) => text)
  const damaged = view.findings.find((finding) => finding.damaged)
  if (damaged) return { problem: damaged.text, findings }
  const seen = new Set()
  let last = 0
  const everything = new Selectors([], [''])
  for await (const message of messagesOf(view, everything, 0, (text) => findings.push(text))) {
    const number = Number(message.body.toString())
    if (seen.has(number)) return { problem: `message ${number} is there twice`, findings }
    if (message.id <= last) return { problem: `id ${message.id} is out of order`, findings }
    last = message.id
    seen.add(number)
  }
  let lost = 0
  for (const number of acknowledged) if (!seen.has(number)) lost++
  // A killed process loses nothing that the operating system had taken, whatever the durability.
  const problem = lost > 0 ? `${lost} acknowledged messages are missing` : undefined
  return { problem, lost, stored: seen.size, findings }
}

async function startServer() {
  const server = spawn(
    process.execPath,
    [join(root, 'dist/src/cli/main.js'), 'serve', '--config', config],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  await new Promise((resolve, reject) => {
    server.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
      if (said.includes('listens on')) resolve()
    })
    server.stderr.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    server.once('close', () => reject(new Error(`the server ended: ${said}`)))
  })
  return server
}

/** @returns whether it was answered that the message is stored */
function publish(agent, number) {
  return new Promise((resolve) => {
    const post = request(
      {
        port,
        agent,
        method: 'POST',
        path: '/publisher/crash',
        headers: { 'Content-Type': 'text/plain' },
      },
      (response) => {
        response.resume()
        response.once('end', () => resolve(response.statusCode >= 200 && response.statusCode < 300))
        response.once('error', () => resolve(false))
      },
    )
    post.once('error', () => setTimeout(resolve, 5, false))
    post.end(String(number))
  })
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: free } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return free
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
