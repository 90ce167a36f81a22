/** What can be known of the files in ops/ without the engines that they are for. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config/index.ts'
import type { ResolvedConfig } from '../../src/config/types.ts'
import { configSchema, environmentNames } from './known.ts'

/** Reads a configuration as the program does: a key that is none is refused. */
function load(text: string, env: Readonly<Record<string, string>>): ResolvedConfig {
  for (const name of Object.keys(env)) {
    if (name.startsWith('FANFARE_')) expect(environmentNames(), name).toContain(name)
  }
  const { config, warnings } = loadConfig(configSchema(), { text, file: 'f.yaml', env, flags: {} })
  expect(warnings).toEqual([])
  return config
}

function read(path: string): string {
  return readFileSync(join('ops', path), 'utf8')
}

/** Ports that a server has as it comes, by the names of their doors. */
function ports(): Set<number> {
  const { port, doors } = load('', {})
  const all: unknown[] = [port]
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (['port', 'broadcast', 'command'].includes(key)) all.push(inner)
      else collect(inner)
    }
  }
  collect(doors)
  return new Set(all.filter((one): one is number => typeof one === 'number'))
}

interface Instruction {
  readonly name: string
  readonly rest: string
}

/** The instructions of a Dockerfile, in order. */
function instructions(): Instruction[] {
  const text = read('docker/Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^\s*([A-Z]+)\s+(.*)$/.exec(line) ?? []
      expect(name, line).not.toBe('')
      return { name, rest }
    })
}

describe('the Dockerfile', () => {
  it('copies what is there, and what it has built', () => {
    const lists = read('docker/Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    for (const { name, rest } of instructions()) {
      if (name !== 'COPY') continue
      const parts = rest.split(' ')
      if (parts[0] === '--from=build') {
        const built = parts[1]?.replace('/build/', '') ?? ''
        expect(existsSync(built), `${built}, which the build leaves`).toBe(true)
      } else {
        for (const source of parts.slice(0, -1)) {
          expect(existsSync(source), source).toBe(true)
          expect(lists).toContain(source)
        }
      }
    }
  })

  it('runs the program without rights, and knows its ports, paths and names', () => {
    const all = instructions()
    const last = (name: string): string => all.findLast((one) => one.name === name)?.rest ?? ''
    expect(last('USER')).toBe('node')
    const [node, main = ''] = JSON.parse(last('ENTRYPOINT')) as string[]
    expect(node).toBe('node')
    expect(existsSync(main.replace('/opt/fanfare/', ''))).toBe(true)
    expect(JSON.parse(last('CMD'))).toEqual(['serve'])
    const exposed = last('EXPOSE').split(' ').map(Number)
    // All but the one of those who look after it.
    expect(new Set([...exposed, 8181])).toEqual(ports())
    const env = all.filter(({ name }) => name === 'ENV').map(({ rest }) => rest.split('='))
    const given = Object.fromEntries(env.map(([name = '', value = '']) => [name, value]))
    expect(load('', given).address).toBe('0.0.0.0')
    expect(last('HEALTHCHECK')).toContain('127.0.0.1:8181/healthz')
    const runs = all.filter(({ name }) => name === 'RUN').map(({ rest }) => rest)
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>
    }
    for (const [, script = ''] of runs.join('\n').matchAll(/npm run (\S+)/g)) {
      expect(scripts[script], script).toBeDefined()
    }
  })
})

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly build?: { readonly dockerfile: string; readonly context: string }
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly networks: readonly string[]
  readonly volumes?: readonly string[]
  readonly stop_grace_period?: string
}

it('the Compose file knows the keys, ports and files', () => {
  const compose = parse(read('compose/compose.yaml')) as {
    services: Record<string, Service>
    networks: Record<string, { ipam: { config: { subnet: string }[] } }>
    volumes: Record<string, unknown>
  }
  const { fanfare } = compose.services
  const { stores, trustedPeers, limits } = load('', fanfare?.environment ?? {})
  const store = stores['default']
  expect(store).toMatchObject({ type: 'redis', url: 'redis://redis:6379/0' })
  expect(trustedPeers).toContain(compose.networks['inner']?.ipam.config[0]?.subnet)
  expect(Number.parseInt(fanfare?.stop_grace_period ?? '', 10) * 1000).toBeGreaterThan(
    limits.drainTimeout + 5_000,
  )
  for (const mapped of fanfare?.ports ?? []) {
    expect(ports()).toContain(Number(mapped.split(':').at(-1)))
  }
  const { context = '', dockerfile = '' } = fanfare?.build ?? {}
  expect(existsSync(join('ops/compose', context, dockerfile))).toBe(true)
  for (const name of Object.keys(fanfare?.depends_on ?? {})) {
    expect(Object.keys(compose.services)).toContain(name)
  }
  for (const { networks, volumes = [] } of Object.values(compose.services)) {
    for (const network of networks) expect(Object.keys(compose.networks)).toContain(network)
    for (const volume of volumes) {
      expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0])
    }
  }
})

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: {
    readonly serviceName?: string
    readonly selector?: Readonly<Record<string, unknown>>
    readonly ports?: readonly { readonly targetPort: string }[]
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: Pod
    }
  }
}

interface Pod {
  readonly terminationGracePeriodSeconds?: number
  readonly containers: readonly {
    readonly args?: readonly string[]
    readonly env?: readonly { readonly name: string }[]
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
    readonly volumeMounts: readonly { readonly name: string }[]
    readonly readinessProbe?: { readonly exec: { readonly command: readonly unknown[] } }
    readonly livenessProbe?: { readonly exec: { readonly command: readonly unknown[] } }
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: string[] } } }
  }[]
  readonly volumes?: readonly { readonly name: string }[]
}

it('the Kubernetes manifests fit together, and know the keys and ports', () => {
  const documents = parseAllDocuments(read('kubernetes/fanfare.yaml'), { merge: true })
  const all = [...documents].map((document) => document.toJS() as Manifest)
  expect(documents.flatMap(({ errors }) => errors)).toEqual([])
  for (const { apiVersion, kind, metadata } of all) {
    expect([apiVersion, kind, metadata.name].every((text) => text !== '')).toBe(true)
  }
  const found = (kind: string, name: string): Manifest => {
    const one = all.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
    if (!one) throw new Error(`there is no ${kind} ${name}`)
    return one
  }
  const pod = found('StatefulSet', 'fanfare').spec?.template?.spec
  const [container] = pod?.containers ?? []
  const env = Object.fromEntries((container?.env ?? []).map(({ name }) => [name, 'fanfare-0']))
  const text = found('ConfigMap', 'fanfare').data?.['fanfare.yaml'] ?? ''
  const { limits, stores } = load(text, env)
  expect(stores['default']).toMatchObject({ type: 'redis' })
  expect(text.match(/redis:\/\/fanfare-redis:6379/g)).toHaveLength(2)
  const known = ports()
  for (const { containerPort } of container?.ports ?? []) expect(known).toContain(containerPort)
  for (const [probe, path] of [
    [container?.readinessProbe, 'readyz'],
    [container?.livenessProbe, 'healthz'],
  ] as const) {
    const [node, flag, code] = probe?.exec.command ?? []
    expect([node, flag]).toEqual(['node', '-e'])
    expect(code).toContain(`http://127.0.0.1:8181/${path}`)
    expect(() => new Script(String(code))).not.toThrow()
  }
  const pause = Number(container?.lifecycle?.preStop.exec.command[1])
  expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(pause + limits.drainTimeout / 1000 + 5)
  for (const name of ['fanfare', 'fanfare-redis']) {
    const set = found('StatefulSet', name)
    const service = found('Service', name)
    const labels = set.spec?.template?.metadata.labels
    expect(service.spec?.selector).toEqual(labels)
    expect(set.spec?.selector).toEqual({ matchLabels: labels })
    expect(set.spec?.serviceName).toBe(name)
    const names = set.spec?.template?.spec.containers[0]?.ports.map((port) => port.name) ?? []
    for (const { targetPort } of service.spec?.ports ?? []) expect(names).toContain(targetPort)
  }
  const volumes = pod?.volumes?.map(({ name }) => name) ?? []
  for (const { name } of container?.volumeMounts ?? []) expect(volumes).toContain(name)
})

it('the unit of systemd gives a stop the time that it may take, and enough files', () => {
  const unit = read('systemd/fanfare.service')
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
  const { limits } = load('', {})
  expect(Number.parseInt(value('TimeoutStopSec'), 10) * 1000).toBeGreaterThan(
    limits.drainTimeout + 5_000,
  )
  expect(Number(value('LimitNOFILE'))).toBeGreaterThan(limits.maxConnections)
  expect(existsSync(value('ExecStart').split(' ')[1]?.replace('/opt/fanfare/', '') ?? '')).toBe(
    true,
  )
  expect(read('systemd/fanfare.socket')).toContain('FileDescriptorName=http\n')
})

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0

it.skipIf(!hasSystemd)('systemd has nothing to say against the units', () => {
  const units = ['ops/systemd/fanfare.service', 'ops/systemd/fanfare.socket']
  const { stderr, status } = spawnSync('systemd-analyze', ['verify', ...units], {
    encoding: 'utf8',
  })
  // Of other units of this machine it may have.
  expect(stderr.split('\n').filter((line) => line.includes('fanfare'))).toEqual([])
  expect(status).toBe(0)
})
