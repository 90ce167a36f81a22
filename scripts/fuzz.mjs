// npm run fuzz: the parsers of what anybody may send, over and over: `npm run fuzz -- 1000000` inputs for each
// property. `npm test` runs the same with a thousand. It prints how long each took, and ends with 1 when
// one failed; fast-check prints the input and the seed that show it again.
import { ensureInstalled, tryTool } from './lib.mjs'

const PARSERS = [
  'test/protocols/redis/parser.test.ts',
  'test/protocols/sparkleshare/splitter.test.ts',
  'test/protocols/fanout/lines.test.ts',
  'test/protocols/feed/cuts.test.ts',
]
const DAY = 24 * 3600 * 1000

const [runs = '1000000', ...rest] = process.argv.slice(2)
if (!/^[1-9]\d*$/.test(runs) || rest.length > 0) {
  console.error('npm run fuzz [-- RUNS]: how many inputs for each property; 1000000 unless given')
  process.exit(2)
}
ensureInstalled()
const env = { ...process.env, FANFARE_TEST_RUNS: runs }
const options = ['--testTimeout', String(DAY), '--reporter', 'verbose', '--no-file-parallelism']
console.log(`${runs} inputs for each property; a million take about a quarter of an hour.`)
process.exit(tryTool('vitest', ['run', ...options, ...PARSERS], { env }))
