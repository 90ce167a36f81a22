import { MemoryFacts } from '../../src/stores/memory-facts.ts'
import { factsContract } from './facts-contract.ts'

factsContract('MemoryFacts', async (now) => ({
  facts: new MemoryFacts(now),
  close: async () => {},
}))
