import type { Limits, StoreConfig } from '../config/types.ts'
import type { Clock } from '../model/clock.ts'
import { FileStore } from './file/file-store.ts'
import { keptBy } from './limits.ts'
import { MemoryStore } from './memory.ts'
import { openRedisStore } from './redis/open.ts'
import type { Store, Sweepable } from './store.ts'

/**
 * Opens a store as the configuration describes it.
 * @param report hears of what a store found when it was opened, and of what fails and recovers later
 * @throws Error that says why, when it cannot be opened
 */
export function openStore(
  config: StoreConfig,
  limits: Limits,
  clock: Clock,
  report: (text: string) => void,
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
    case 'redis':
      return openRedisStore(config, limits, clock, report)
    default:
      return config satisfies never
  }
}

export function isSweepable(store: Store): store is Store & Sweepable {
  return 'sweep' in store
}
