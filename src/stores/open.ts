import type { Limits, StoreConfig } from '../config/types.ts'
import type { Clock } from '../model/clock.ts'
import { MemoryStore } from './memory.ts'
import type { Store, Sweepable } from './store.ts'

/** Opens a store as the configuration describes it. */
export function openStore(config: StoreConfig, limits: Limits, clock: Clock): Store {
  switch (config.type) {
    case 'memory':
      return new MemoryStore(
        {
          minMessages: config.min_messages,
          maxMessages: config.max_messages,
          maxAge: config.message_timeout,
          maxChannelBytes: config.max_channel_bytes,
          maxTotalMessages: config.max_total_messages,
          maxBytes: config.max_bytes,
          maxChannels: config.max_channels,
          keyWindow: limits.idempotencyWindow,
          maxKeys: limits.idempotencyKeys,
        },
        clock,
      )
    case 'redis':
      throw new Error('the configuration refuses stores that are not built')
    default:
      return config satisfies never
  }
}

export function isSweepable(store: Store): store is Store & Sweepable {
  return 'sweep' in store
}
