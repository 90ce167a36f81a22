/**
 * Stands in for src/stores/open.ts in tests of a server whose stores have partitions: a memory store has three
 * then. At the head of a test file:
 *
 *     vi.mock('../../src/stores/open.ts', () => import('../support/partitioned.ts'))
 */
import { MemoryFacts } from '../../src/stores/memory-facts.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import type { Clock } from '../../src/model/clock.ts'
import { keptBy } from '../../src/stores/limits.ts'
import { partitionOf } from '../../src/stores/partition.ts'
import type { Limits, StoreConfig } from '../../src/config/types.ts'
import type { Facts } from '../../src/stores/facts.ts'
import type { Store, Sweepable } from '../../src/stores/store.ts'

export const PARTITIONS = 3

export function openPartitions(config: StoreConfig, limits: Limits, clock: Clock): Store[] {
  return Array.from({ length: PARTITIONS }, () => new MemoryStore(keptBy(config, limits), clock))
}

export function openFacts(_config: StoreConfig, clock: Clock): Facts {
  return new MemoryFacts(() => clock.now())
}

export function isSweepable(store: Store): store is Store & Sweepable {
  return 'sweep' in store
}

/** A channel of this partition. @param more what stands behind its first level */
export function channelIn(place: number, more = ''): string {
  for (let n = 0; ; n++) {
    const name = `channel-${n}`
    if (partitionOf(name as never, PARTITIONS) === place) return name + more
  }
}

/** Texts of several partitions, which have no order among them, for comparisons. */
export function sorted(texts: readonly unknown[]): string[] {
  return texts.map(String).sort()
}
