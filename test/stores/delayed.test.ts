import { MemoryStore } from '../../src/stores/memory.ts'
import { DelayedStore } from '../hub/delayed-store.ts'
import { storeContract } from './contract.ts'

/** The memory store over a wire: that the suite asks nothing that only a store at hand can do. */
class WiredStore extends DelayedStore {
  #closed = false

  constructor(store: MemoryStore) {
    super(store)
    this.#pump()
  }

  override close(): void {
    this.#closed = true
    super.close()
  }

  #pump(): void {
    if (this.#closed) return
    void this.answer().then(() => {
      this.announce(1)
      this.#pump()
    })
  }
}

storeContract(
  'MemoryStore over a wire',
  async (limits, clock) => {
    const store = new WiredStore(new MemoryStore(limits, clock))
    return { store, close: async () => store.close() }
  },
  { overflow: 'it is the memory store’s own matter, and two million turns take long' },
)
