// npm run fuzz: the parsers of what anybody may send, over and over: `npm run fuzz -- 1000000` inputs for each.
// `npm test` runs the same with a thousand. Ends with 1 when a parser broke its word, hung, or kept memory; prints the
// input and how to see it again. --help says more.
import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureInstalled, root, tryTool } from './lib.mjs'

const HELP = `npm run fuzz [-- [--only NAME]… [--seed N] [--from N] [--report FILE] [--list] [RUNS]]

RUNS      how many inputs for each parser; 1000000 unless given
--only    this one alone; several times for several, and the beginning of a name for all that begin so
--seed    of the inputs (1)
--from    the number of the first input (0): with RUNS 1, one that failed before
--report  writes what came of it as a table there
--list    names the parsers

The inputs that take their way through a socket (door-…) are fewer. "properties" are those made by fast-check.`

/** What of the tests is a property over inputs made by fast-check. */
const PROPERTIES = [
  'test/protocols/redis/parser.test.ts',
  'test/protocols/sparkleshare/splitter.test.ts',
  'test/protocols/fanout/lines.test.ts',
  'test/protocols/feed/cuts.test.ts',
]
const DAY = 24 * 3600 * 1000
/** Without a sign of life for so long, a parser hangs, in ms. */
const HANGS = 120_000
/** Whoever waits hears how far it is after so long, in ms. */
const TELLS = 30_000
/** What may be in use more after all inputs than after a tenth of them, in bytes. */
const GROWTH = 24 * 2 ** 20

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    report: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const [runs = '1000000', ...rest] = positionals
const whole = [runs, values.seed, values.from].every((text) => /^\d+$/.test(text))
if (values.help || !whole || rest.length > 0) {
  console.log(HELP)
  process.exit(values.help ? 0 : 2)
}
ensureInstalled()
const program = join(root, 'node_modules', `.fanfare-fuzz-${process.pid}.mjs`)
await bundle()
let code = 1
try {
  code = await main()
} finally {
  rmSync(program, { force: true })
}
process.exit(code)

async function main() {
  const targets = JSON.parse((await child(['--list'])).said)
  if (values.list) {
    for (const { name } of targets) console.log(name)
    console.log('properties')
    return 0
  }
  const chosen = (name) =>
    values.only.length === 0 ||
    values.only.some((only) => name === only || name.startsWith(`${only}-`))
  const rows = []
  let failed = 0
  console.log(`${runs} inputs for each parser, seed ${values.seed}`)
  for (const { name, perThousand } of targets.filter((target) => chosen(target.name))) {
    const inputs = Math.max(1, Math.ceil((Number(runs) * perThousand) / 1000))
    const { status, said, complaints, stuck } = await child([
      name,
      String(inputs),
      values.seed,
      values.from,
    ])
    if (stuck !== undefined) {
      console.error(
        `${name}: hangs within 512 inputs from ${stuck} on; npm run fuzz -- --only ${name} --seed ${values.seed} --from ${stuck} 512`,
      )
    } else if (status !== 0) console.error(`${name}: failed (${status})\n${complaints}`)
    if (status !== 0) {
      failed++
      continue
    }
    const row = { name, ...JSON.parse(said) }
    rows.push(row)
    console.log(lineOf(row))
    const grown = row.heapAfter - row.heapBefore
    if (inputs >= 10_000 && grown > GROWTH) {
      failed++
      console.error(`${name}: ${mib(grown)} more in use than after a tenth of the inputs`)
    }
  }
  if (values.report !== undefined) writeFileSync(values.report, tableOf(rows))
  if (chosen('properties') && tryProperties() !== 0) failed++
  console.log(failed === 0 ? 'No crash, no hang, no leak.' : `${failed} failed.`)
  return failed === 0 ? 0 : 1
}

/** Everything that a parser's process said; `stuck` when it said nothing for too long. */
function child(args) {
  const nodeArgs = ['--expose-gc', '--no-warnings', program, ...args]
  const running = spawn(process.execPath, nodeArgs, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  let said = ''
  let complaints = ''
  let at = values.from
  const last = Number(values.from) + Number(args[1] ?? 0)
  let stuck
  let told = Date.now()
  const hang = () => {
    stuck = at
    running.kill('SIGKILL')
  }
  let watch = setTimeout(hang, HANGS)
  running.stdout.setEncoding('utf8').on('data', (text) => (said += text))
  running.stderr
    .setEncoding('utf8')
    .on('data', (text) => (complaints = (complaints + text).slice(-20_000)))
  running.stdio[3].setEncoding('utf8').on('data', (text) => {
    at = text.trim().split('\n').at(-1)
    clearTimeout(watch)
    watch = setTimeout(hang, HANGS)
    if (Date.now() - told < TELLS) return
    told = Date.now()
    console.error(`${args[0]}: ${Number(at).toLocaleString('en')} of ${last.toLocaleString('en')}`)
  })
  return new Promise((resolve) => {
    running.once('close', (status) => {
      clearTimeout(watch)
      resolve({ status, said, complaints, stuck })
    })
  })
}

function tryProperties() {
  const env = { ...process.env, FANFARE_TEST_RUNS: runs }
  const options = ['--testTimeout', String(DAY), '--reporter', 'verbose', '--no-file-parallelism']
  return tryTool('vitest', ['run', ...options, ...PROPERTIES], { env })
}

/** TypeScript as one file that Node runs; beside the packages, so that it finds them. */
async function bundle() {
  const { build } = createRequire(join(root, 'package.json'))('esbuild')
  await build({
    absWorkingDir: root,
    entryPoints: ['test/fuzz/main.ts'],
    outfile: program,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
  })
}

function lineOf({ name, inputs, seconds, slowest, slowestAt, heapBefore, heapAfter }) {
  const speed = Math.round(inputs / seconds)
  return (
    `${name.padEnd(22)} ${String(inputs).padStart(9)} inputs ${seconds.toFixed(1).padStart(7)} s ` +
    `${String(speed).padStart(7)}/s  slowest ${slowest.toFixed(1)} ms (${slowestAt})  ` +
    `heap ${mib(heapBefore)} → ${mib(heapAfter)}`
  )
}

function tableOf(rows) {
  const lines = rows.map(
    ({ name, reads, holds, inputs, seconds, slowest, heapBefore, heapAfter }) =>
      `| \`${name}\` | ${reads} | ${holds} | ${inputs.toLocaleString('en')} | ${seconds.toFixed(0)} | ${slowest.toFixed(0)} | ${mib(heapBefore)} → ${mib(heapAfter)} |`,
  )
  const head = '| parser | reads | what must hold | inputs | s | slowest, ms | memory |'
  return [head, '| --- | --- | --- | ---: | ---: | ---: | --- |', ...lines, ''].join('\n')
}

function mib(bytes) {
  return bytes === undefined ? '–' : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
