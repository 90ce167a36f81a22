import { expect } from 'vitest'
import { publish } from '../events/events-client.ts'
import { FrameClient } from './frame-client.ts'

const CHANNELS = ['a', 'b', 'c/'] as const

interface Answer {
  readonly id?: string
  readonly cursor?: string
  readonly channel?: string
  readonly subscribed?: readonly string[]
  readonly position?: string
}

/** Follows channels over connections that are cut, and keeps what it heard of each. */
class Resumer {
  readonly heard = new Map<string, string[]>(CHANNELS.map((name) => [name, []]))
  /** Until its `subscribed` arrives, a subscription has a cursor of its own. */
  readonly #own = new Map<string, string>()
  readonly #caughtUp = new Set<string>()
  /** Afterwards they have one together. */
  #together: string | undefined

  start(name: string, cursor: string): void {
    this.#own.set(name, cursor)
  }

  get total(): number {
    return [...this.heard.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  async connect(port: number): Promise<FrameClient> {
    for (const name of this.#caughtUp) if (this.#together) this.#own.set(name, this.#together)
    this.#caughtUp.clear()
    const client = await FrameClient.open(port)
    for (const [name, since] of this.#own) client.send({ subscribe: name, since })
    return client
  }

  take(frame: Record<string, unknown>): void {
    const { id, cursor = id, channel, subscribed, position } = frame as Answer
    if (subscribed !== undefined) {
      for (const name of subscribed) this.#caughtUp.add(name)
      this.#together = position
    } else if (id !== undefined && cursor !== undefined && channel !== undefined) {
      const own = channel.startsWith('c/') ? 'c/' : channel
      this.heard.get(own)?.push(id)
      if (this.#caughtUp.has(own)) this.#together = cursor
      else this.#own.set(own, cursor)
    }
  }
}

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

/**
 * Follows channels over connections that are cut at random.
 * @param beginning the cursor that it starts with
 * @throws AssertionError when it missed something, or got something twice or out of order
 */
export async function comeBack(port: number, seed: number, beginning: string): Promise<void> {
  const below = sequence(seed)
  const sent = new Map<string, string[]>(CHANNELS.map((name) => [name, []]))
  let total = 0
  const publishSome = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const name = CHANNELS[below(3)] as string
      const channel = name === 'c/' ? `c/${below(3)}` : name
      sent.get(name)?.push(await publish(port, channel, 'x'.repeat(below(100))))
      total++
    }
  }
  await publishSome(20)
  const resumer = new Resumer()
  for (const name of CHANNELS) resumer.start(name, beginning)

  for (let round = 0; round < 25; round++) {
    const client = await resumer.connect(port)
    const publishing = publishSome(below(8))
    // It reads a few frames, and then the connection is lost with whatever was under way.
    const frames = below(12)
    const enough = total - resumer.total
    for (let n = 0; n < Math.min(frames, enough); n++) resumer.take(await client.json())
    client.close()
    await publishing
  }
  const client = await resumer.connect(port)
  while (resumer.total < total) resumer.take(await client.json())

  expect(resumer.heard).toEqual(sent)
  expect(total).toBeGreaterThan(80)
}
