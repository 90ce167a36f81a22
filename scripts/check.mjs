// npm run check: everything that reads the code without running it.
import { ensureInstalled, tryTool } from './lib.mjs'

ensureInstalled()
const checks = [
  { name: 'types', tool: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'types of the pages', tool: 'tsc', args: ['-p', 'console/tsconfig.json'] },
  { name: 'lint', tool: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', tool: 'biome', args: ['format', '.'] },
  { name: 'unused', tool: 'knip', args: [] },
]
const failed = checks.filter(({ name, tool, args }) => {
  console.log(`check: ${name}`)
  return tryTool(tool, args) !== 0
})
if (failed.length > 0) {
  console.error(`failed: ${failed.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
