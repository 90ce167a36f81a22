// The real programs that the interop tests run against. Installs the missing ones where it can, and
// otherwise says what to install. With CI=true, a missing one is a failure.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** name, the Debian package that brings it, and what shows that it is there. */
export const PROGRAMS = [
  { name: 'curl', packages: ['curl'], found: () => onPath('curl') },
  {
    name: 'nginx with nchan',
    packages: ['nginx', 'libnginx-mod-nchan'],
    found: () => existsSync('/usr/lib/nginx/modules/ngx_nchan_module.so') && onPath('nginx'),
  },
  {
    name: 'Chromium',
    packages: ['chromium'],
    found: () => onPath('chromium') || onPath('chromium-browser') || onPath('google-chrome'),
  },
  { name: 'Python 3', packages: ['python3'], found: () => onPath('python3') },
  {
    name: 'Redis',
    packages: ['redis-server', 'redis-tools'],
    found: () => ['redis-server', 'redis-cli', 'redis-benchmark'].every(onPath),
  },
  {
    name: 'redis-py',
    packages: ['python3-redis'],
    found: () => existsSync('/usr/lib/python3/dist-packages/redis/__init__.py'),
  },
  {
    name: 'Socket.IO for Python',
    packages: ['python3-socketio', 'python3-requests', 'python3-websocket'],
    found: () =>
      ['socketio', 'requests', 'websocket'].every((name) =>
        existsSync(`/usr/lib/python3/dist-packages/${name}`),
      ),
  },
  { name: 'git', packages: ['git'], found: () => onPath('git') },
  {
    name: 'ZeroMQ for Python',
    packages: ['python3-zmq'],
    found: () => existsSync('/usr/lib/python3/dist-packages/zmq'),
  },
  {
    name: 'Lua',
    packages: ['lua5.1', 'lua-socket', 'lua-json'],
    found: () => onPath('lua5.1') && existsSync('/usr/share/lua/5.1/socket.lua'),
  },
  { name: 'PHP', packages: ['php-cli'], found: () => onPath('php') },
  { name: 'promtool', packages: ['prometheus'], found: () => onPath('promtool') },
  { name: 'OpenSSL', packages: ['openssl'], found: () => onPath('openssl') },
  {
    name: 'D-Bus',
    packages: ['dbus', 'libnotify-bin', 'python3-dbus', 'python3-gi'],
    found: () =>
      onPath('dbus-run-session') &&
      onPath('notify-send') &&
      ['dbus', 'gi'].every((name) => existsSync(`/usr/lib/python3/dist-packages/${name}`)),
  },
]

function onPath(program) {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`
  return path.split(':').some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** @returns the programs that are missing, after installing what could be installed */
export function ensurePrograms() {
  let missing = PROGRAMS.filter((program) => !program.found())
  if (missing.length === 0) return []
  const packages = missing.flatMap((program) => program.packages)
  const root = process.getuid?.() === 0
  if (root && onPath('apt-get')) {
    console.log(`Installing ${packages.join(' ')} …`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: ['ignore', 'ignore', 'inherit'] }
    spawnSync('apt-get', ['update', '-qq'], options)
    const flags = ['install', '-y', '-qq', '--no-install-recommends']
    spawnSync('apt-get', [...flags, ...packages], options)
    missing = PROGRAMS.filter((program) => !program.found())
  }
  if (missing.length === 0) return []
  console.error('Some tests need programs that are not on this machine:')
  for (const { name, packages: needed } of missing) {
    console.error(`  ${name}: sudo apt-get install --no-install-recommends ${needed.join(' ')}`)
  }
  return missing.map(({ name }) => name)
}
