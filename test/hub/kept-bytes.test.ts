/** Bytes that are shared, lent or kept: nobody finds others in them than were meant. */
import { expect, it } from 'vitest'
import { ALL, type EndReason, type Sink } from '../../src/hub/contract.ts'
import { PubSubEncoder } from '../../src/protocols/redis/codec.ts'
import { Rig, channels, name } from './rig.ts'

/** Holds the bytes that it has not sent, as a socket does, and sees whether they change meanwhile. */
class Holder implements Sink {
  readonly held: { readonly bytes: Buffer; readonly meant: string }[] = []
  readonly waiting: (() => void)[] = []
  text = ''
  slow = false
  unsent = 0

  write(bytes: Buffer): void {
    this.text += bytes.toString('latin1')
    if (!this.slow) return
    this.held.push({ bytes, meant: bytes.toString('latin1') })
    this.unsent += bytes.length
  }

  whenSent(then: () => void): void {
    if (this.unsent === 0) then()
    else this.waiting.push(then)
  }

  send(): void {
    for (const { bytes, meant } of this.held.splice(0)) {
      expect(bytes.toString('latin1')).toBe(meant)
    }
    this.unsent = 0
    for (const call of this.waiting.splice(0)) call()
  }

  ended(reason: EndReason): void {
    this.text += `ended: ${reason}\n`
  }
}

/** A message as Redis writes it. @param body of four characters */
function told(channel: string, body: string): string {
  return `*3\r\n$7\r\nmessage\r\n$1\r\n${channel}\r\n$4\r\n${body}\r\n`
}

/** The same numbers each time. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
}

it.each([1, 2, 3, 4, 5])('whoever comes back among others gets its own: seed %i', (seed) => {
  const pick = random(seed)
  const rig = new Rig({ catchUpBytes: 20 })
  const encoder = new PubSubEncoder({ resp: 2, slash: false, shard: false })
  const names = ['a', 'b', 'c']
  const sent = new Map(names.map((channel) => [channel, [] as string[]]))
  const live = names.map((channel) => {
    const sink = new Holder()
    rig.hub.follow({ selectors: channels(channel), encoder, sink })
    return { channel, sink, from: 0 }
  })
  const followers = [...live]

  for (let step = 0; step < 2_000; step++) {
    const channel = names[pick(3)] as string
    const action = pick(10)
    if (action < 4) {
      const body = String(1000 + pick(9000))
      rig.publish(channel, body)
      sent.get(channel)?.push(body)
    } else if (action < 6) {
      const sink = new Holder()
      sink.slow = pick(3) === 0
      rig.hub.follow({ selectors: channels(channel), encoder, sink, since: ALL })
      followers.push({ channel, sink, from: 0 })
    } else if (action < 7) {
      const { sink } = followers[pick(followers.length)] as { sink: Holder }
      sink.slow = !sink.slow
      if (!sink.slow) sink.send()
    } else if (action === 7 && pick(10) === 0) {
      // What is deleted comes no more, kept or not.
      for (const { sink } of followers) {
        sink.slow = false
        sink.send()
      }
      rig.turns.rest()
      void rig.hub.remove(name(channel))
      sent.set(channel, [])
      for (const one of followers) if (one.channel === channel) one.sink.text = ''
    } else rig.turns.end()
  }
  for (const { sink } of followers) {
    sink.slow = false
    sink.send()
  }
  rig.turns.rest()

  for (const { channel, sink } of followers) {
    const expected = (sent.get(channel) ?? []).map((body) => told(channel, body)).join('')
    expect(sink.text).toBe(expected)
  }
})
