// npm test: installs what is missing and runs everything. Arguments go to vitest: `npm test -- hub`
// runs the tests whose path has `hub` in it, without the checks before.
import { ensureBuilt, ensureInstalled, run, tryTool } from './lib.mjs'
import { ensurePrograms } from './programs.mjs'

ensureInstalled()
const chosen = process.argv.slice(2)
if (chosen.length === 0) run(process.execPath, ['scripts/check.mjs'])
ensureBuilt()
const missing = ensurePrograms()
if (missing.length > 0 && process.env.CI === 'true') {
  console.error('With CI=true a missing program is a failure.')
  process.exit(1)
}
// Tests that need a missing program skip, and say which.
const env = { ...process.env, FANFARE_TEST_MISSING: missing.join(',') }
process.exit(tryTool('vitest', ['run', ...chosen], { env }))
