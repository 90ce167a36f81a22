import { afterEach, describe } from 'vitest'
import { channelContract } from './contract/channels.ts'
import { FakeTime, type Opened, type OpenStore, Subject } from './contract/harness.ts'
import { idContract } from './contract/ids.ts'
import { keyContract } from './contract/keys.ts'
import { modelContract } from './contract/model.ts'
import { readingContract } from './contract/reading.ts'
import { retentionContract } from './contract/retention.ts'

export interface Skips {
  /** The test that fills a whole second, 2,097,152 appends: say why not. */
  readonly overflow?: string
}

/**
 * What every store must do, tested through the Store interface alone.
 *
 * @param open gives an empty store with these limits, on this clock
 */
export function storeContract(name: string, open: OpenStore, skips: Skips = {}): void {
  describe(`${name} as a store`, () => {
    const opened: Opened[] = []
    const start = async (limits = {}): Promise<Subject> => {
      const time = new FakeTime()
      const one = await open(limits, time.clock)
      opened.push(one)
      return new Subject(one.store, time)
    }
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close()
    })

    idContract(start, skips.overflow)
    readingContract(start)
    retentionContract(start)
    channelContract(start)
    keyContract(start)
    modelContract(start)
  })
}
