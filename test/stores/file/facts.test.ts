import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { FileFacts, type FileFactsOptions } from '../../../src/stores/file/file-facts.ts'
import { realFiles } from '../../../src/stores/file/files.ts'
import { until } from '../../support/wait.ts'
import { factsContract } from '../facts-contract.ts'
import { FaultyFiles, folder, rewrite } from './support.ts'

const DURABILITIES = ['always', 'interval', 'os'] as const

for (const durability of DURABILITIES) {
  factsContract(`FileFacts (${durability})`, async (now) => {
    const facts = new FileFacts(folder(), { now, durability })
    return { facts, close: () => facts.close() }
  })
}

/** Facts as a new process opens them, and what they say; closed when the test has finished. */
function open(path: string, options: Partial<FileFactsOptions> = {}, files = realFiles) {
  const reports: string[] = []
  const facts = new FileFacts(path, { report: (text) => reports.push(text), ...options }, files)
  onTestFinished(() => facts.close())
  return { facts, reports }
}

/** A copy of a folder's facts: what a process that is killed right now would leave. */
function killed(path: string): string {
  const copy = folder()
  writeFileSync(join(copy, 'facts'), readFileSync(join(path, 'facts')))
  return copy
}

it.each(DURABILITIES)(
  'are there after a restart, also of a killed process: %s',
  async (durability) => {
    const path = folder()
    const clock = { now: 1_000 }
    const options = { durability, now: () => clock.now }
    const { facts } = open(path, options)
    await facts.set('k', 'o', 'gone', 'v')
    await facts.set('k', 'o', 'a', '1')
    await facts.set('k', 'o', 'b', '☃\0\n', { ttl: 100 })
    await facts.set('k', 'o', 'past', 'v', { ttl: 10 })
    await facts.set('k', 'o', 'a', '2')
    await facts.set('k', 'o', 'gone', undefined)
    await facts.set('k', 'o', 'a', '3', { when: 'new' })
    clock.now += 50

    const after = open(killed(path), options)
    expect([...after.facts.list('k', 'o')]).toEqual([
      ['b', '☃\0\n'],
      ['a', '2'],
    ])
    expect(after.reports).toEqual([])
    clock.now += 50
    expect(after.facts.get('k', 'o', 'b')).toBeUndefined()

    await facts.close()
    expect([...open(path, options).facts.list('k', 'o').keys()]).toEqual(['a'])
  },
)

it('what was being written when the process ended is cut off, and said', async () => {
  const path = folder()
  const { facts } = open(path)
  await facts.set('k', 'o', 'a', '1')
  await facts.set('k', 'o', 'b', '2')
  await facts.close()
  const whole = readFileSync(join(path, 'facts'))

  // Every end that the last record can have.
  for (let cut = 1; cut < 34; cut++) {
    writeFileSync(join(path, 'facts'), whole.subarray(0, whole.length - cut))
    const after = open(path)
    expect([...after.facts.list('k', 'o').keys()]).toEqual(['a'])
    expect(after.reports.join()).toMatch(/a torn tail of \d+ bytes at \d+ was cut off/)
    await after.facts.set('k', 'o', 'c', '3')
    await after.facts.close()
    const again = open(path)
    expect([...again.facts.list('k', 'o').keys()]).toEqual(['a', 'c'])
    expect(again.reports).toEqual([])
    await again.facts.close()
  }
})

it('damage in the middle costs what was there, and is said', async () => {
  const path = folder()
  const { facts } = open(path)
  for (const item of ['a', 'b', 'c']) await facts.set('k', 'o', item, `value of ${item}`)
  await facts.close()
  rewrite(join(path, 'facts'), (bytes) => {
    bytes[bytes.indexOf('value of b')] = 0
    return undefined
  })

  const after = open(path)

  expect([...after.facts.list('k', 'o').keys()]).toEqual(['a', 'c'])
  expect(after.reports.join()).toMatch(/\d+ damaged bytes at \d+/)
})

it('a file of a later version, or of something else, is refused and left as it is', async () => {
  const path = folder()
  await open(path).facts.close()
  const file = join(path, 'facts')
  const good = readFileSync(file)
  const { encodeFactsHeader } = await import('../../../src/stores/file/facts-format.ts')
  const { crc32 } = await import('../../../src/stores/file/crc.ts')
  const later = encodeFactsHeader(1, 0)
  later.writeUInt16LE(2, 8)
  later.writeUInt32LE(crc32(later.subarray(0, 28)), 28)
  for (const [bytes, words] of [
    [later, /has version 2; this server knows 1/],
    [Buffer.alloc(100, 'x'), /does not begin as a file of facts does/],
  ] as const) {
    writeFileSync(file, bytes)
    expect(() => new FileFacts(path)).toThrow(words)
    expect(readFileSync(file)).toEqual(bytes)
  }
  // What was only just begun has nothing in it.
  writeFileSync(file, good.subarray(0, 20))
  await open(path).facts.set('k', 'o', 'i', 'v')
})

it('the file is written anew before it is much longer than what holds', async () => {
  const path = folder()
  const { facts } = open(path)
  const long = 'x'.repeat(10_000)
  let longest = 0
  for (let n = 0; n < 1_500; n++) {
    await facts.set('k', 'o', String(n % 10), `${n} ${long}`)
    longest = Math.max(longest, statSync(join(path, 'facts')).size)
  }
  expect(longest).toBeLessThan(1.2 * 2 ** 20)
  await facts.close()

  const after = open(path)
  const known = [...after.facts.list('k', 'o').values()].map((value) => value.split(' ')[0])
  expect(known).toEqual(Array.from({ length: 10 }, (_, n) => String(1_490 + n)))
  expect(after.reports).toEqual([])
})

it.each(DURABILITIES)(
  'a full disk: nothing is taken, and it goes on by itself: %s',
  async (durability) => {
    const path = folder()
    const files = new FaultyFiles()
    const { facts, reports } = open(path, { durability }, files)
    const heard: unknown[] = []
    facts.watch((...change) => heard.push(change[2]))
    await facts.set('k', 'o', 'a', '1')

    files.room = 10
    await expect(facts.set('k', 'o', 'b', '2')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/Nothing can be changed: .*the disk is full \(ENOSPC\)/),
    })
    await expect(facts.set('k', 'o', 'a', undefined)).rejects.toMatchObject({
      code: 'store_unavailable',
    })
    expect([...facts.list('k', 'o')]).toEqual([['a', '1']])
    expect([...open(killed(path)).facts.list('k', 'o')]).toEqual([['a', '1']])

    files.heal()
    const taken = async (): Promise<boolean> =>
      await facts.set('k', 'o', 'c', '3').then(
        () => true,
        () => false,
      )
    let isTaken = false
    await until(() => {
      void taken().then((done) => (isTaken ||= done))
      return isTaken
    }, 'it is taken again')
    expect(reports.join('\n')).toMatch(
      /no sessions and subscriptions can be stored: .*\n.*takes changes again/,
    )
    expect(heard.slice(0, 2)).toEqual(['a', 'c'])
    expect([...open(killed(path)).facts.list('k', 'o').keys()]).toEqual(['a', 'c'])
  },
)

it('a sync that fails, always: what could not be synced was not stated', async () => {
  const path = folder()
  const files = new FaultyFiles()
  const { facts } = open(path, { durability: 'always' }, files)
  await facts.set('k', 'o', 'a', '1')
  files.fail('EIO', 'sync')
  await expect(facts.set('k', 'o', 'b', '2')).rejects.toMatchObject({ code: 'store_unavailable' })
  expect([...open(killed(path)).facts.list('k', 'o').keys()]).toEqual(['a'])
  files.heal()
  let isTaken = false
  await until(() => {
    facts.set('k', 'o', 'c', '3').then(
      () => (isTaken = true),
      () => {},
    )
    return isTaken
  }, 'it is taken again')
  expect([...open(killed(path)).facts.list('k', 'o').keys()]).toEqual(['a', 'c'])
})

it('a sync that fails, interval: what was stated is written anew', async () => {
  const path = folder()
  const files = new FaultyFiles()
  const { facts, reports } = open(path, { durability: 'interval', syncInterval: 1 }, files)
  files.fail('EIO', 'sync')
  await facts.set('k', 'o', 'a', '1')
  await until(() => reports.join().includes('is written anew'), 'it was noticed')
  await until(() => reports.join().includes('can be stored'), 'that failed, too')
  files.heal()
  await until(() => reports.join().includes('takes changes again'), 'it is written anew')
  expect([...open(killed(path)).facts.list('k', 'o').keys()]).toEqual(['a'])
})

it('half a file that was being written anew does not count', async () => {
  const path = folder()
  const { facts } = open(path)
  await facts.set('k', 'o', 'a', '1')
  await facts.close()
  writeFileSync(join(path, 'facts.new'), 'half a')
  expect([...open(path).facts.list('k', 'o').keys()]).toEqual(['a'])
})

it('more than may wait for the disk is refused', async () => {
  const { facts } = open(folder(), { maxWaitingBytes: 1_000 })
  const all = Array.from({ length: 100 }, (_, n) => facts.set('k', 'o', String(n), 'x'.repeat(100)))
  const ends = await Promise.allSettled(all)
  const taken = ends.filter(({ status }) => status === 'fulfilled').length
  expect(taken).toBeGreaterThan(5)
  expect(taken).toBeLessThan(15)
  expect(facts.list('k', 'o').size).toBe(taken)
})
