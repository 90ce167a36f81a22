// What the scripts share: finding out what is missing, and running things.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The oldest Node.js that Fanfare runs on. */
const OLDEST_NODE = [20, 10]

/** Runs a program in the project's folder; ends this process with its exit code if it fails. */
export function run(program, args, options = {}) {
  const code = tryRun(program, args, options)
  if (code !== 0) process.exit(code)
}

/** @returns the exit code */
export function tryRun(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options })
  if (error) {
    console.error(`cannot run ${program}: ${error.message}`)
    return 1
  }
  return status ?? 1
}

/** Runs a program that a dependency brought. */
export function runTool(name, args, options) {
  run(process.execPath, [tool(name), ...args], options)
}

export function tryTool(name, args, options) {
  return tryRun(process.execPath, [tool(name), ...args], options)
}

function tool(name) {
  const folder = { tsc: 'typescript', biome: '@biomejs/biome' }[name] ?? name
  const { bin } = JSON.parse(
    readFileSync(join(root, 'node_modules', folder, 'package.json'), 'utf8'),
  )
  return join(root, 'node_modules', folder, typeof bin === 'string' ? bin : bin[name])
}

/** Installs the packages of the lock file unless just those are there. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(
      `Fanfare needs Node.js ${OLDEST_NODE.join('.')} or later; this is ${process.version}.`,
    )
    process.exit(1)
  }
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.fanfare-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.error('Installing packages (once) …')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  writeFileSync(stamp, lock)
}

/** Compiles src and bench into dist unless nothing has changed since. */
export function ensureBuilt() {
  const stamp = join(root, 'dist', '.built')
  const built = existsSync(stamp) ? statSync(stamp).mtimeMs : 0
  const sources = [
    'src',
    'bench',
    'console',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts',
  ]
  if (sources.every((path) => newest(join(root, path)) < built)) return
  console.error('Building …')
  runTool('tsc', ['-p', 'tsconfig.build.json'])
  run(process.execPath, ['scripts/bundle.mjs'])
  run(process.execPath, ['scripts/build-client.mjs'])
  run(process.execPath, ['scripts/console.mjs'])
  writeFileSync(stamp, '')
}

function newest(path) {
  if (!existsSync(path)) return 0
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
}
