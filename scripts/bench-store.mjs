// node scripts/bench-store.mjs: how fast the file store is by itself; --help says more.
import { ensureBuilt, ensureInstalled, run } from './lib.mjs'

ensureInstalled()
ensureBuilt()
run(process.execPath, ['dist/bench/store/main.js', ...process.argv.slice(2)])
