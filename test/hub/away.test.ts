import { afterEach, describe, expect, it } from 'vitest'
import { ALL } from '../../src/hub/contract.ts'
import { FanfareError } from '../../src/model/errors.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import type { ReadQuery, Store, Watcher } from '../../src/stores/store.ts'
import { channels, gapLine, name, Rig } from './rig.ts'

/** A store that others write to, too, and that can be away meanwhile. */
class FarStore extends MemoryStore {
  readonly tellsAvailable = true
  watcher: Watcher | undefined
  away = false
  #real: Watcher | undefined

  override watch(watcher: Watcher): void {
    this.watcher = watcher
    this.#real = watcher
    super.watch({
      appended: (message) => {
        if (!this.away) this.#real?.appended(message)
      },
      removed: (channel) => this.#real?.removed(channel),
    })
  }

  override read(query: ReadQuery): ReturnType<MemoryStore['read']> {
    if (this.away) throw new FanfareError('store_unavailable')
    return super.read(query)
  }
}

let rig: Rig
afterEach(() => expect(rig.takeErrors()).toEqual([]))

function start(maxMessages = 100): { store: FarStore; publish: (body: string) => void } {
  const store = new FarStore({ maxMessages })
  rig = new Rig({ wrap: (): Store => store })
  const publish = (body: string): void =>
    void store.append({ channel: name('a'), body: Buffer.from(body) })
  return { store, publish }
}

describe('a follower of a store that was away', () => {
  it('is told of the gap when what came meanwhile was dropped', () => {
    const { store, publish } = start(2)
    const listener = rig.follow(channels('a'))
    publish('1')
    rig.turns.rest()
    const { position } = listener.subscription
    store.away = true
    for (const body of ['2', '3', '4', '5']) publish(body)

    store.away = false
    store.watcher?.skipped?.()
    rig.turns.rest()

    const { floor } = store.read({ selectors: channels('a'), after: position, limit: 1 })
    expect(listener.lines).toEqual(['1', gapLine(position, floor), '4', '5'])
    publish('6')
    rig.turns.rest()
    expect(listener.lines.at(-1)).toBe('6')
  })

  it('gets what waited in its batch before that', () => {
    const { store, publish } = start(1)
    const listener = rig.follow(channels('a'))
    publish('1')

    store.watcher?.skipped?.()
    rig.turns.rest()

    expect(listener.lines).toEqual(['1'])
  })

  it('waits for it to be back, and then goes on', () => {
    const { store, publish } = start()
    publish('1')
    store.away = true
    const listener = rig.follow(channels('a'), { since: ALL })
    rig.turns.rest()
    expect([listener.lines, listener.endings]).toEqual([[], []])

    store.away = false
    store.watcher?.available?.()
    rig.turns.rest()

    expect(listener.lines).toEqual(['1'])
    publish('2')
    rig.turns.rest()
    expect(listener.lines).toEqual(['1', '2'])
  })

  it('is asked for no more once it has left', () => {
    const { store, publish } = start()
    publish('1')
    store.away = true
    const listener = rig.follow(channels('a'), { since: ALL })
    rig.turns.rest()

    listener.subscription.close()
    store.away = false
    store.watcher?.available?.()
    rig.turns.rest()

    expect(listener.lines).toEqual([])
  })
})
