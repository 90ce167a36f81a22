import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { MessageId } from '../../../src/model/id.ts'
import type { Message } from '../../../src/model/message.ts'
import type { Selectors } from '../../../src/model/selector.ts'
import { below, channels, name, type Start, type Subject } from './harness.ts'

const CHANNELS = ['a', 'b', 'x/1', 'x/2']
const WANTED = [channels('a'), channels('a', 'x/1'), below('x/'), below('')]
const MAX_MESSAGES = 4
const MAX_AGE = 20_000

type Step =
  | { readonly kind: 'publish'; readonly channel: string; readonly ttl: number | undefined }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'remove'; readonly channel: string }
  | { readonly kind: 'read'; readonly wanted: Selectors }

const channel = fc.constantFrom(...CHANNELS)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      channel,
      ttl: fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined, freq: 2 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.integer({ min: 0, max: 6_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), channel }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      wanted: fc.constantFrom(...WANTED),
    }),
  },
)

/** The rules of retention in their plainest form: lists that are filtered anew each time. */
class PlainStore {
  readonly #logs = new Map<string, Message[]>()
  /** What retention took, by channel. */
  readonly lost = new Map<string, MessageId>()

  publish(message: Message): void {
    const log = this.#logs.get(message.channel) ?? []
    this.#logs.set(message.channel, [...log, message])
    this.refresh(message.time)
  }

  remove(removed: string): void {
    this.#logs.delete(removed)
    this.lost.delete(removed)
  }

  refresh(now: number): void {
    for (const [one, log] of this.#logs) {
      const alive = log.filter(({ expires }) => expires === 0 || expires > now)
      const kept = alive.slice(-MAX_MESSAGES).filter(({ time }) => time + MAX_AGE > now)
      const newestLost = alive.findLast((message) => !kept.includes(message))
      if (newestLost) this.lost.set(one, newestLost.id)
      this.#logs.set(one, kept)
    }
  }

  read(wanted: Selectors): MessageId[] {
    return [...this.#logs.values()]
      .flat()
      .filter((message) => wanted.matches(message.channel))
      .map(({ id }) => id)
      .toSorted((a, b) => a - b)
  }
}

export function modelContract(start: Start): void {
  it('keeps exactly what the plain rules keep, and says when it lost something', {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const subject = await start({ maxMessages: MAX_MESSAGES, maxAge: MAX_AGE })
        const first = await subject.floor(below(''))
        const plain = new PlainStore()
        for (const one of steps) {
          await take(subject, plain, one)
          if (one.kind === 'read') await compare(subject, plain, one.wanted, first)
        }
        for (const wanted of WANTED) await compare(subject, plain, wanted, first)
      }),
      { numRuns: 150 },
    )
  })
}

async function take(subject: Subject, plain: PlainStore, one: Step): Promise<void> {
  const heard = subject.heard.length
  if (one.kind === 'publish') {
    await subject.publish(one.channel, 'x', { ttl: one.ttl })
    await subject.heardAtLeast(heard + 1)
    plain.publish(subject.messages.at(-1) as Message)
  } else if (one.kind === 'pass') subject.time.pass(one.ms)
  else if (one.kind === 'remove') {
    const known = await subject.remove(one.channel)
    if (known) await subject.heardAtLeast(heard + 1)
    plain.remove(one.channel)
  }
}

async function compare(
  subject: Subject,
  plain: PlainStore,
  wanted: Selectors,
  first: MessageId,
): Promise<void> {
  plain.refresh(subject.time.clock.now())
  const page = await subject.page(wanted)
  expect(page.messages.map(({ id }) => id)).toEqual(plain.read(wanted))
  const lost = [...plain.lost].filter(([one]) => wanted.matches(name(one))).map(([, id]) => id)
  expect(page.floor).toBe(Math.max(first, ...lost))
}
