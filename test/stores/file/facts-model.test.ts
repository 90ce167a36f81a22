import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { How } from '../../../src/stores/facts.ts'
import { FileFacts } from '../../../src/stores/file/file-facts.ts'
import { MemoryFacts } from '../../../src/stores/memory-facts.ts'
import { FaultyFiles } from './support.ts'

const RUNS = Number(process.env['FANFARE_TEST_RUNS'] ?? 150)

interface Step {
  readonly kind: string
  readonly owner: string
  readonly item: string
  readonly value: string | undefined
  readonly how: How
  /** What comes after it: it goes together with the next one, or is waited for; then … */
  readonly next: 'together' | 'wait' | 'time' | 'restart'
}

const when: fc.Arbitrary<How['when']> = fc.constantFrom<How['when']>(
  undefined,
  'new',
  'known',
  { is: 'a' },
  { is: 'b' },
)
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('k', 'l'),
  owner: fc.constantFrom('1', '2', '3'),
  item: fc.constantFrom('x', 'y', 'z'),
  value: fc.constantFrom('a', 'b', undefined),
  how: fc
    .record({
      ttl: fc.constantFrom(0, 0, 0, 10, 25),
      when,
      maxItems: fc.constantFrom(1, 2, 3, 100),
      maxOwners: fc.constantFrom(1, 2, 100),
    })
    .map(
      ({ when: on, ...more }): How => (on === undefined ? more : Object.assign(more, { when: on })),
    ),
  next: fc.constantFrom('together', 'together', 'together', 'wait', 'time', 'restart'),
})

/** All that is known, in order. */
function everything(facts: FileFacts | MemoryFacts): unknown {
  return ['k', 'l'].map((kind) =>
    ['1', '2', '3'].map((owner) => Array.from(facts.list(kind, owner))),
  )
}

it('facts in a file are what they would be in memory, across restarts', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const path = mkdtempSync(join(tmpdir(), 'fanfare-facts-'))
      const clock = { now: 1_000 }
      const now = (): number => clock.now
      const model = new MemoryFacts(now)
      const modelHeard: unknown[] = []
      model.watch((...change) => modelHeard.push(change))
      const heard: unknown[] = []
      const start = (): FileFacts => {
        const opened = new FileFacts(path, { now, durability: 'os' })
        opened.watch((...change) => heard.push(change))
        return opened
      }
      let facts = start()
      try {
        let waiting: Promise<void>[] = []
        for (const { kind, owner, item, value, how, next } of steps) {
          const expected = model.set(kind, owner, item, value, how)
          const asked = facts.set(kind, owner, item, value, how)
          waiting.push(asked.then((stated) => expect(stated).toEqual(expected)))
          if (next === 'together') continue
          await Promise.all(waiting)
          waiting = []
          if (next === 'time') clock.now += 10
          if (next === 'restart') {
            await facts.close()
            facts = start()
          }
          expect(everything(facts)).toEqual(everything(model))
        }
        await Promise.all(waiting)
        expect(everything(facts)).toEqual(everything(model))
        expect(heard).toEqual(modelHeard)
      } finally {
        await facts.close()
        rmSync(path, { recursive: true })
      }
    }),
    { numRuns: RUNS },
  )
})

it('whatever the disk refuses, what was acknowledged is there, and what was refused is not', {
  timeout: 120_000,
}, async () => {
  const fault = fc.constantFrom(undefined, undefined, 'write', 'sync', 'truncate', 'rename', 'full')
  const durability = fc.constantFrom('always', 'interval', 'os')
  await fc.assert(
    fc.asyncProperty(
      durability,
      fc.array(fc.tuple(step, fault), { maxLength: 25 }),
      async (durable, steps) => {
        const path = mkdtempSync(join(tmpdir(), 'fanfare-facts-'))
        const files = new FaultyFiles()
        const start = (): FileFacts =>
          new FileFacts(path, { durability: durable, syncInterval: 1, report: () => {} }, files)
        let facts = start()
        const model = new MemoryFacts()
        try {
          for (const [{ kind, owner, item, value, next }, broken] of steps) {
            if (broken === 'full') files.room = 7
            else if (broken) files.fail('EIO', broken)
            try {
              await facts.set(kind, owner, item, value)
              model.set(kind, owner, item, value)
            } catch (error) {
              expect(error).toMatchObject({ code: 'store_unavailable' })
            }
            expect(everything(facts)).toEqual(everything(model))
            files.heal()
            if (next !== 'restart') continue
            await facts.close()
            facts = start()
            expect(everything(facts)).toEqual(everything(model))
          }
        } finally {
          await facts.close()
          rmSync(path, { recursive: true })
        }
      },
    ),
    { numRuns: RUNS },
  )
})
