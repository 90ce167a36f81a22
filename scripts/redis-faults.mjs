// node scripts/redis-faults.mjs: what becomes of messages when a Redis is killed, paused, failed over by Sentinel, or
// moved from node to node of a cluster, all with real processes and under load. As the tests do it, for longer: 30
// kills, 30 s of pause, 15 moves. Ends with 1 when something was lost, doubled or reordered that may not be.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled, tryTool } from './lib.mjs'

ensureInstalled()
const folder = mkdtempSync(join(tmpdir(), 'fanfare-redis-faults-'))
const report = join(folder, 'report')
writeFileSync(report, '')
const files = ['faults', 'sentinel', 'cluster'].map((name) => `test/stores/redis/${name}.test.ts`)
let code = 1
try {
  const only = ['--testNamePattern', 'under load', '--no-file-parallelism']
  const env = { ...process.env, FANFARE_REDIS_FAULTS: report }
  code = tryTool('vitest', ['run', ...files, ...only], { env })
  process.stdout.write(`\n${readFileSync(report, 'utf8')}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(code)
