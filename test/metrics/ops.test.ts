import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { Exposition } from '../../src/metrics/exposition.ts'
import { ServerMetrics } from '../../src/metrics/server-metrics.ts'
import { Timings } from '../../src/hub/timings.ts'
import { TrafficTable } from '../../src/hub/traffic.ts'
import { Connections } from '../../src/net/connections.ts'
import { Histogram } from '../../src/model/histogram.ts'
import type { Hub } from '../../src/hub/hub.ts'
import type { ClusterControl, Control } from '../../src/services/control.ts'
import { parseMetrics } from '../support/metrics.ts'

const OPS = new URL('../../ops/', import.meta.url)
const HAS_PROMTOOL = spawnSync('promtool', ['--version']).status === 0

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[]
}
interface Panel {
  readonly type: string
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
  readonly gridPos: { readonly x: number; readonly w: number }
}

function read(path: string): string {
  return readFileSync(new URL(path, OPS), 'utf8')
}

/** Everything that a node can tell: of a file store and a Redis, in a cluster. */
async function allNames(): Promise<Set<string>> {
  const redis = { up: true, reconnects: 0 }
  const disk = { segments: 1, bytes: 1, syncs: new Histogram(), failures: 0 }
  const store = { available: true, messages: 1, bytes: 1, channels: 1, oldest: 1, waitingBytes: 0 }
  const hub: Pick<Hub, 'states' | 'followersByDoor' | 'behindByDoor'> = {
    states: () => [{ place: 0, timings: new Timings(), store: { ...store, disk, redis } }],
    followersByDoor: () => new Map(),
    behindByDoor: () => new Map(),
  }
  const cluster = {
    status: () => ({ a: { state: { up: true }, roles: ['relay'], isManager: true } }),
    membership: { held: true, age: 0, lease: 5, redis },
  } as unknown as ClusterControl
  const limits = { maxConnections: 1, maxConnectionsPerAddress: 1, maxTotalUnsentBytes: 1 }
  const connections = new Connections(
    limits,
    () => false,
    () => {},
  )
  const traffic = new TrafficTable()
  traffic.of('relay')
  const metrics = new ServerMetrics({
    config: { stores: { default: {} } },
    traffic,
    errors: { count: 0 },
    entrances: { connections, failed: 0 },
    control: { node: 'a', cluster } as Control,
    health: { problems: () => [] },
    hub: () => hub as Hub,
  })
  const names = new Set<string>()
  const note = (text: string): void => {
    for (const { samples } of parseMetrics(text).values())
      for (const { name } of samples) names.add(name)
  }
  note(await metrics.text('text'))
  metrics.stop()
  // There may not have been a collection yet.
  const pauses = new Exposition('text')
  pauses.histogram('fanfare_gc_pause_seconds', 'x', [[{ kind: 'minor' }, new Histogram()]])
  note(String(pauses))
  return names
}

const dashboard = JSON.parse(read('grafana/fanfare.json')) as { readonly panels: readonly Panel[] }
const rules = parse(read('prometheus/alerts.yml')) as Rules
const queries = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
]

describe('dashboard and rules', () => {
  let names = new Set<string>()
  beforeAll(async () => {
    names = await allNames()
  })

  it.each(queries)('ask for nothing that is not there: %s', (query) => {
    const asked = query.match(/\b(?:fanfare|process)_\w+/g) ?? []
    expect(asked.filter((name) => !names.has(name))).toEqual([])
    expect(asked.length > 0 || query.startsWith('up{')).toBe(true)
  })

  it('stand in the reference, as every metric does', () => {
    const page = readFileSync(new URL('../docs/operations.md', OPS), 'utf8')
    const families = new Set([...names].map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))
    expect([...families].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('have panels side by side', () => {
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    }
  })

  it.skipIf(!HAS_PROMTOOL)('are what promtool takes', () => {
    const folder = fileURLToPath(new URL('prometheus/', OPS))
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['check', 'config', '--syntax-only', 'scrape.yml'],
    ]) {
      const { status, stderr, stdout } = spawnSync('promtool', args, { cwd: folder })
      expect(status, `${String(stdout)}${String(stderr)}`).toBe(0)
    }
  })
})
