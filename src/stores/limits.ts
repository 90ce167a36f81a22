import type { Limits, StoreConfig } from '../config/types.ts'
import type { Adjustable, MemoryLimits } from './memory.ts'
import type { Store } from './store.ts'

export function isAdjustable(store: Store): store is Store & Adjustable {
  return 'update' in store
}

/** How much a store keeps, as the configuration says it: the same keys for every type. */
export function keptBy(config: StoreConfig, limits: Limits): MemoryLimits {
  return {
    minMessages: config.min_messages,
    maxMessages: config.max_messages,
    maxAge: config.message_timeout,
    maxChannelBytes: config.max_channel_bytes,
    maxTotalMessages: config.max_total_messages,
    maxBytes: config.max_bytes,
    maxChannels: config.max_channels,
    keyWindow: limits.idempotencyWindow,
    maxKeys: limits.idempotencyKeys,
  }
}
