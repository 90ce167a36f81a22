import type { Store } from '../stores/store.ts'
import type { Hub } from './contract.ts'
import { type HubOptions, LogHub } from './log-hub.ts'
import { PartitionedHub } from './partitioned-hub.ts'

export type { Hub } from './contract.ts'

/**
 * The hub of a store, of which each partition is given as a store of its own.
 * @param stores one or more, in the order of their partitions
 */
export function hubOver(stores: readonly Store[], options: Omit<HubOptions, 'place'>): Hub {
  const [only] = stores
  if (!only) throw new Error('a store has at least one partition')
  return stores.length === 1 ? new LogHub(only, options) : new PartitionedHub(stores, options)
}
