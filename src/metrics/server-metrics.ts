import { version } from '../config/version.ts'
import type { Hub } from '../hub/hub.ts'
import type { LogState, Timings } from '../hub/timings.ts'
import { DROP_CAUSES, type Traffic, type TrafficTable } from '../hub/traffic.ts'
import { Histogram } from '../model/histogram.ts'
import type { Entrances } from '../net/entrance.ts'
import type { ClusterControl, Control } from '../services/control.ts'
import type { StoreState } from '../stores/state.ts'
import { Exposition, type Format, type Labels, type Sample } from './exposition.ts'
import type { Health } from './health.ts'
import { ProcessMetrics } from './process.ts'

/** What is measured. Everything is read when somebody asks. */
export interface MetricSources {
  readonly config: { readonly stores: Readonly<Record<string, unknown>> }
  readonly traffic: TrafficTable
  readonly errors: { readonly count: number }
  readonly entrances: Pick<Entrances, 'connections' | 'failed'>
  readonly control: Control
  readonly health: Health
  /** The hub of a named store. */
  hub(store: string): Hub
}

/** A store by its name, and how its logs are. */
type StoreLogs = readonly [labels: Labels, logs: readonly LogState[]]

/** All numbers of one node, as Prometheus reads them. */
export class ServerMetrics {
  readonly process = new ProcessMetrics()
  readonly #sources: MetricSources
  readonly #hidden: ReadonlySet<string>

  /** @param hidden doors that are none, whose traffic is nobody's */
  constructor(sources: MetricSources, hidden: readonly string[] = []) {
    this.#sources = sources
    this.#hidden = new Set(hidden)
  }

  async text(format: Format): Promise<string> {
    const { config, control, errors, health } = this.#sources
    const to = new Exposition(format)
    to.info('fanfare_build_info', 'What runs here, and the name of this node.', {
      version: version(),
      node_version: process.version,
      node: control.node,
    })
    to.gauge('fanfare_ready', 'Whether all is there that should be; see /readyz.', [
      [{}, health.problems().length === 0 ? 1 : 0],
    ])
    to.counter('fanfare_errors_total', 'What went wrong while nobody waited for an answer.', [
      [{}, errors.count],
    ])
    this.#doors(to)
    writeEntrances(to, this.#sources.entrances)
    const stores = Object.keys(config.stores).map(
      (store): StoreLogs => [{ store }, this.#sources.hub(store).states()],
    )
    writeTimings(to, stores)
    writeStores(to, stores)
    if (control.cluster) await writeCluster(to, control.cluster, control.node)
    await this.process.write(to)
    return to.toString()
  }

  stop(): void {
    this.process.stop()
  }

  #doors(to: Exposition): void {
    const doors = [...this.#sources.traffic.entries()].filter(([name]) => !this.#hidden.has(name))
    const each = (of: (traffic: Traffic) => number): Sample[] =>
      doors.map(([door, traffic]) => [{ door }, of(traffic)])
    to.gauge(
      'fanfare_connections',
      'Open connections.',
      each((door) => door.connections),
    )
    to.counter(
      'fanfare_connections_accepted_total',
      'Connections ever opened.',
      each((door) => door.accepted),
    )
    to.gauge('fanfare_subscriptions', 'Followers of anything.', this.#counted('followersByDoor'))
    to.gauge(
      'fanfare_subscriptions_behind',
      'Followers that are fed from the store, as they came with a cursor or do not read.',
      this.#counted('behindByDoor'),
    )
    to.counter(
      'fanfare_messages_published_total',
      'Messages that came in and were handed to their store.',
      each((door) => door.published),
    )
    to.counter(
      'fanfare_messages_delivered_total',
      'Messages that went out, one for each subscriber.',
      each((door) => door.delivered),
    )
    to.counter(
      'fanfare_delivered_bytes_total',
      'Bytes of those.',
      each((door) => door.bytes),
    )
    to.counter(
      'fanfare_gaps_total',
      'Gaps that subscribers were told of, or were disconnected for.',
      each((door) => door.gaps),
    )
    to.counter(
      'fanfare_went_behind_total',
      'How often a subscriber went behind because it did not read.',
      each((door) => door.wentBehind),
    )
    to.counter(
      'fanfare_refused_total',
      'Requests, commands and logins that were refused with an error.',
      each((door) => door.refused),
    )
    to.counter(
      'fanfare_subscribers_dropped_total',
      'Subscribers that were let go: for a gap that their protocol has no word for, because reading or encoding failed, because they took nothing, or because they left their answers unread.',
      doors.flatMap(([door, { dropped }]) =>
        DROP_CAUSES.map((cause): Sample => [{ door, cause }, dropped[cause]]),
      ),
    )
  }

  #counted(what: 'followersByDoor' | 'behindByDoor'): Sample[] {
    const { config, traffic } = this.#sources
    // A door that is there has a number, also while nobody follows anything by it.
    const sums = new Map([...traffic.entries()].map(([door]) => [door, 0]))
    for (const store of Object.keys(config.stores)) {
      for (const [door, count] of this.#sources.hub(store)[what]()) {
        sums.set(door, (sums.get(door) ?? 0) + count)
      }
    }
    return [...sums]
      .filter(([door]) => !this.#hidden.has(door))
      .map(([door, count]) => [{ door }, count])
  }
}

/** Of all ports together: connections that are no door's yet, or never will be. */
function writeEntrances(to: Exposition, { connections, failed }: MetricSources['entrances']): void {
  const { size, most, refused, refusedByAddress, cut, unsent } = connections
  to.gauge(
    'fanfare_open_connections',
    'Connections of all ports, whatever is or will be spoken on them.',
    [[{}, size]],
  )
  to.gauge('fanfare_max_connections', 'How many there may be (limits.maxConnections).', [
    [{}, most],
  ])
  to.counter(
    'fanfare_connections_refused_total',
    'Connections that were closed before they were a door’s: there was no room for more (full), or for more from their address (address); TLS or the header of a proxy failed, or did not come in time (handshake).',
    [
      [{ cause: 'full' }, refused],
      [{ cause: 'address' }, refusedByAddress],
      [{ cause: 'handshake' }, failed],
    ],
  )
  to.counter(
    'fanfare_connections_cut_total',
    'Slow connections that were closed as all together left too much unread (limits.maxTotalUnsentBytes).',
    [[{}, cut]],
  )
  to.gauge('fanfare_unsent_bytes', 'What all connections have not taken, when last looked at.', [
    [{}, unsent],
  ])
}

function writeTimings(to: Exposition, stores: readonly StoreLogs[]): void {
  const families: readonly [name: string, help: string, of: keyof Timings][] = [
    [
      'fanfare_publish_stored_seconds',
      'From a publish to the answer of its store; memory answers at once, and is not measured.',
      'stored',
    ],
    ['fanfare_catchup_read_seconds', 'Reading a page of history for those behind.', 'read'],
    [
      'fanfare_flush_seconds',
      'Encoding and writing what came in one turn of the event loop to all that follow it.',
      'flush',
    ],
  ]
  for (const [name, help, of] of families) {
    to.histogram(
      name,
      help,
      stores.map(([labels, logs]) => [labels, merged(logs.map(({ timings }) => timings[of]))]),
    )
  }
}

function writeStores(to: Exposition, stores: readonly StoreLogs[]): void {
  /** The sum over all partitions that know; no sample where none does. */
  const sums = (of: (state: StoreState) => number | undefined): Sample[] =>
    stores.flatMap(([labels, logs]): Sample[] => {
      const known = logs.flatMap(({ store }) => (store && of(store)) ?? [])
      return known.length === 0 ? [] : [[labels, known.reduce((sum, one) => sum + one, 0)]]
    })
  const least = (of: (state: StoreState) => number | undefined): Sample[] =>
    stores.flatMap(([labels, logs]): Sample[] => {
      const known = logs.flatMap(({ store }) => (store && of(store)) ?? [])
      return known.length === 0 ? [] : [[labels, Math.min(...known)]]
    })
  to.gauge(
    'fanfare_store_up',
    'Whether all of the store takes messages, as far as was last seen.',
    least(({ available }) => (available ? 1 : 0)),
  )
  to.gauge(
    'fanfare_store_messages',
    'Messages kept.',
    sums(({ messages }) => messages),
  )
  to.gauge(
    'fanfare_store_bytes',
    'Bytes kept, as the bounds count them.',
    sums(({ bytes }) => bytes),
  )
  to.gauge(
    'fanfare_store_channels',
    'Known channels.',
    sums(({ channels }) => channels),
  )
  to.gauge(
    'fanfare_store_oldest_message_timestamp_seconds',
    'When the oldest message that is kept was published, as unix time.',
    least(({ oldest }) => (oldest === undefined ? undefined : oldest / 1000)),
  )
  to.gauge(
    'fanfare_store_waiting_bytes',
    'Publishes that are not answered yet.',
    sums(({ waitingBytes }) => waitingBytes),
  )
  to.gauge(
    'fanfare_store_segments',
    'Files of the log.',
    sums(({ disk }) => disk?.segments),
  )
  to.gauge(
    'fanfare_store_disk_bytes',
    'Bytes of those.',
    sums(({ disk }) => disk?.bytes),
  )
  to.counter(
    'fanfare_store_disk_failures_total',
    'Batches that could not be written, and syncs that failed.',
    sums(({ disk }) => disk?.failures),
  )
  to.histogram(
    'fanfare_store_sync_seconds',
    'How long the disk took to make what was written safe.',
    stores.flatMap(([labels, logs]) => {
      const syncs = logs.flatMap(({ store }) => store?.disk?.syncs ?? [])
      return syncs.length === 0 ? [] : [[labels, merged(syncs)] as const]
    }),
  )
  to.gauge(
    'fanfare_redis_up',
    'Whether Redis answers, for all partitions of the store.',
    least(({ redis }) => redis && (redis.up ? 1 : 0)),
  )
  to.counter(
    'fanfare_redis_reconnects_total',
    'How often connections to Redis were lost and made anew.',
    sums(({ redis }) => redis?.reconnects),
  )
}

async function writeCluster(to: Exposition, cluster: ClusterControl, node: string): Promise<void> {
  const status = await cluster.status()
  const nodes = Object.values(status)
  const up = nodes.filter(({ state }) => state.up).length
  to.gauge('fanfare_cluster_nodes', 'Nodes that the cluster remembers.', [
    [{ state: 'up' }, up],
    [{ state: 'down' }, nodes.length - up],
  ])
  const own = status[node]
  to.gauge('fanfare_cluster_manager', 'Whether this node is the manager.', [
    [{}, own?.isManager ? 1 : 0],
  ])
  to.gauge(
    'fanfare_cluster_role',
    'What this node carries.',
    (own?.roles ?? []).map((role) => [{ role }, 1]),
  )
  to.gauge('fanfare_cluster_config_version', 'The shared configuration that it has applied.', [
    [{}, own?.configVersion ?? 0],
  ])
  const { membership } = cluster
  if (!membership) return
  const { held, age, lease, redis } = membership
  to.gauge('fanfare_cluster_lease_held', 'Whether the lease of this node runs.', [
    [{}, held ? 1 : 0],
  ])
  to.gauge('fanfare_cluster_lease_age_seconds', 'Since it was last renewed.', [[{}, age]])
  to.gauge('fanfare_cluster_lease_seconds', 'How long it runs from then.', [[{}, lease]])
  to.gauge('fanfare_cluster_redis_up', 'Whether the Redis of the cluster answers.', [
    [{}, redis.up ? 1 : 0],
  ])
  to.counter(
    'fanfare_cluster_redis_reconnects_total',
    'How often the connection to it was lost and made anew.',
    [[{}, redis.reconnects]],
  )
}

/** All of them as one: what is kept apart inside is of no use outside. */
function merged(histograms: readonly Histogram[]): Histogram {
  const [only] = histograms
  if (only && histograms.length === 1) return only
  const all = new Histogram()
  for (const { counts, sum } of histograms) {
    for (const [at, count] of counts.entries()) all.counts[at] = (all.counts[at] ?? 0) + count
    all.sum += sum
  }
  return all
}
