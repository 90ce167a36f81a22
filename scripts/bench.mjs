// npm run bench: installs and builds what is missing, then runs the benchmark. Arguments go to it;
// `--no-build` runs what was built before.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

const main = join(root, 'dist', 'bench', 'main.js')
const args = process.argv.slice(2)
if (!args.includes('--no-build') || !existsSync(main)) {
  ensureInstalled()
  ensureBuilt()
}
// In this process, so that signals and the exit code are the benchmark's own.
process.argv = [process.argv[0], main, ...args.filter((arg) => arg !== '--no-build')]
await import(pathToFileURL(main).href)
