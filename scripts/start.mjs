// npm start: installs what is missing, builds, and serves. Arguments go to `fanfare serve`.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureBuilt, ensureInstalled, root } from './lib.mjs'

ensureInstalled()
ensureBuilt()
const main = join(root, 'dist', 'src', 'cli', 'main.js')
// In this process, so that signals and the exit code are the server's own.
process.argv = [process.argv[0], main, 'serve', ...process.argv.slice(2)]
await import(pathToFileURL(main).href)
