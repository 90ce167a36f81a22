import type { Report } from '../model/events.ts'
import type { Limits, StoreConfig } from '../config/types.ts'
import type { Clock } from '../model/clock.ts'
import type { Facts } from './facts.ts'
import { FileFacts } from './file/file-facts.ts'
import { FileStore } from './file/file-store.ts'
import { keptBy } from './limits.ts'
import { MemoryFacts } from './memory-facts.ts'
import { MemoryStore } from './memory.ts'
import { RedisFacts } from './redis/facts.ts'
import { connectionOf, openRedisPartitions } from './redis/open.ts'
import type { Store, Sweepable } from './store.ts'

/** As `openStore`, each partition by itself, in order: there are several in a Redis Cluster alone. */
export function openPartitions(
  config: StoreConfig,
  limits: Limits,
  clock: Clock,
  report: Report,
): readonly Store[] {
  if (config.type === 'redis') return openRedisPartitions(config, limits, clock, report)
  return [openStore(config, limits, clock, report)]
}

/**
 * Opens a store of one partition as the configuration describes it.
 * @param report hears of what a store found when it was opened, and of what fails and recovers later
 * @throws Error that says why, when it cannot be opened
 */
export function openStore(
  config: StoreConfig,
  limits: Limits,
  clock: Clock,
  report: Report,
): Store {
  switch (config.type) {
    case 'memory':
      return new MemoryStore(keptBy(config, limits), clock)
    case 'file':
      return new FileStore(
        config.path,
        {
          durability: config.durability,
          syncInterval: config.sync_interval,
          segmentBytes: config.segment_bytes,
          cacheBytes: config.cache_bytes,
          maxWaitingBytes: config.max_waiting_bytes,
          ...keptBy(config, limits),
          report,
        },
        clock,
      )
    case 'redis': {
      if (config.cluster.length > 0 && config.partitions > 1) {
        throw new Error('a store on a Redis Cluster has partitions, and cannot be opened as one')
      }
      const [store] = openRedisPartitions(config, limits, clock, report)
      return store as Store
    }
    default:
      return config satisfies never
  }
}

/**
 * Opens the facts that lie beside a store. Those of a file store lie in its folder, under its lock: opened
 * after it, and closed before it.
 * @param report hears of what was found when they were opened, and of what fails and recovers later
 * @throws Error that says why, when they cannot be opened
 */
export function openFacts(config: StoreConfig, clock: Clock, report: Report): Facts {
  const now = (): number => clock.now()
  switch (config.type) {
    case 'memory':
      return new MemoryFacts(now)
    case 'file':
      return new FileFacts(config.path, {
        durability: config.durability,
        syncInterval: config.sync_interval,
        maxWaitingBytes: config.max_waiting_bytes,
        report,
        now,
      })
    case 'redis':
      // Redis's own clock decides when their time is over.
      return new RedisFacts({
        connection: connectionOf(config),
        keyPrefix: config.key_prefix,
        timeout: config.timeout,
        report,
      })
    default:
      return config satisfies never
  }
}

export function isSweepable(store: Store): store is Store & Sweepable {
  return 'sweep' in store
}
