import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileStore } from '../../../src/stores/file/file-store.ts'
import { storeContract } from '../contract.ts'

const report = (text: string): void => {
  throw new Error(`nothing should be reported: ${text}`)
}

for (const durability of ['interval', 'always'] as const) {
  storeContract(
    `FileStore with durability ${durability}`,
    async (limits, clock) => {
      const folder = mkdtempSync(join(tmpdir(), 'fanfare-store-'))
      const store = new FileStore(folder, { ...limits, durability, report }, clock)
      const close = async (): Promise<void> => {
        await store.close()
        rmSync(folder, { recursive: true })
      }
      return { store, close }
    },
    { overflow: 'two million waits for a disk take long; ids.test.ts has it' },
  )
}
