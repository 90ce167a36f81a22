// node scripts/crash.mjs: publishes to a server that is killed with SIGKILL at random moments, starts it again,
// and compares what was acknowledged with what is in its log: and sessions that were registered and removed
// meanwhile with its facts. Ends with 1 when something is missing that may not be, or a message stands there
// twice. --help says more.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib.mjs'
import { readOptions } from './load/options.mjs'
import { seeded } from './load/random.mjs'

const HELP = `node scripts/crash.mjs [--kills N] [--durability always|interval|os] [--publishers N] [--seed N]
                             [--no-build]

--kills       how often the server is killed (200)
--durability  of its store (always)
--publishers  how many publish at once (16)
--seed        of the moments; by default another one each time`

const values = readOptions(HELP, {
  kills: { number: 200 },
  durability: { choice: ['always', 'interval', 'os'] },
  publishers: { number: 16 },
})
const { messagesOf, viewLog } = await import('../dist/src/stores/file/tools.js')
const { FileFacts } = await import('../dist/src/stores/file/file-facts.js')
const { Selectors } = await import('../dist/src/model/selector.js')

/** How long a server may run before it is killed, in ms. */
const LONGEST_LIFE = 300

const { kills, durability } = values
const random = seeded(values.seed)
const parent = mkdtempSync(join(tmpdir(), 'fanfare-crash-'))
const folder = join(parent, 'log')
const port = await freePort()
const managementPort = await freePort()
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
management: { port: ${managementPort} }
`,
)

/** Sequence numbers whose publish was answered. */
const acknowledged = new Set()
let next = 0
/** Sessions that were registered, with their users; those of which the removal was answered are none. */
const sessions = new Map()
/** Sessions of which nobody knows: what was asked last was not answered. */
const uncertain = new Set()
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
    const publishers = Array.from({ length: values.publishers }, async () => {
      while (alive) {
        const number = next++
        if (await publish(agent, number)) acknowledged.add(number)
        if (alive) await changeSession(agent, number)
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
      `${sessions.size} sessions, none lost; a torn tail was cut ${torn.length} times`,
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
  const problem = lost > 0 ? `${lost} acknowledged messages are missing` : compareSessions(findings)
  return { problem, lost, stored: seen.size, findings }
}

/** @returns what is wrong with the facts, if anything is */
function compareSessions(findings) {
  const copy = mkdtempSync(join(parent, 'facts-'))
  if (existsSync(join(folder, 'facts'))) copyFileSync(join(folder, 'facts'), join(copy, 'facts'))
  const facts = new FileFacts(copy, { report: (text) => findings.push(text) })
  const damaged = findings.find((text) => text.includes('damaged'))
  if (damaged) return damaged
  for (const [session, user] of sessions) {
    if (uncertain.has(session)) continue
    const digest = createHash('sha256').update(session).digest('base64url')
    const known = facts.get('session', digest, 'user')
    if (known !== user)
      return `session ${session} is ${known ?? 'nobody'}'s, not ${user ?? 'nobody'}'s`
    const isListed = user === undefined || facts.list('sessions', user).has(digest)
    if (!isListed) return `session ${session} is not in its user's list`
  }
  rmSync(copy, { recursive: true, force: true })
  return undefined
}

/** Registers a session, and removes every third one again. */
async function changeSession(agent, number) {
  const session = `session-${number}`
  const user = String(number % 5_000)
  uncertain.add(session)
  sessions.set(session, user)
  if (!(await ask(agent, `/auth/add/${user}/${session}`))) return
  if (number % 3 === 0) {
    sessions.set(session, undefined)
    if (!(await ask(agent, `/auth/remove/${user}/${session}`))) return
  }
  uncertain.delete(session)
}

/** @returns whether the management service answered that it did that */
function ask(agent, path) {
  return new Promise((resolve) => {
    const get = request({ port: managementPort, agent, path }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode === 200))
      response.once('error', () => resolve(false))
    })
    get.once('error', () => setTimeout(resolve, 5, false))
    get.end()
  })
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
