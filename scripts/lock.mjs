// npm run lock: makes package-lock.json anew from package.json, whole for every platform.
//
// A registry that does not hold the binaries for all platforms leaves them out of the lock, and then
// `npm ci` refuses it everywhere. Their names and versions are known from the package that wants them,
// so they are put in by hand; npm skips those that are not for the machine it runs on.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './lib.mjs'

const file = join(root, 'package-lock.json')
if (!process.argv.includes('--keep')) {
  rmSync(file, { force: true })
  run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund', '--loglevel=error'])
}
const lock = JSON.parse(readFileSync(file, 'utf8'))
const packages = lock.packages
let added = 0
for (const [path, wants] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(wants.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`
    if (packages[place] || packages[`${path}/${place}`]) continue
    const platform = platformOf(name)
    if (!platform) continue
    packages[place] = {
      version,
      ...platform,
      ...(wants.dev ? { dev: true } : {}),
      optional: true,
    }
    added++
  }
}
lock.packages = Object.fromEntries(
  Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
)
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages for other platforms added`)

/** What a name such as `@biomejs/cli-linux-x64-musl` says of where it runs. */
function platformOf(name) {
  const systems = [
    'aix',
    'android',
    'darwin',
    'freebsd',
    'linux',
    'netbsd',
    'openbsd',
    'openharmony',
    'sunos',
    'win32',
  ]
  const processors = [
    'arm64',
    'arm',
    'armv7',
    'ia32',
    'loong64',
    'mips64el',
    'ppc64',
    'riscv64',
    's390x',
    'x64',
  ]
  const words = name.split(/[/-]/)
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (!os) return undefined
  const libc = words.includes('musl')
    ? { libc: ['musl'] }
    : words.includes('gnu')
      ? { libc: ['glibc'] }
      : {}
  return { os: [os], ...(cpu ? { cpu: [cpu] } : {}), ...libc }
}
