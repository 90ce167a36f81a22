import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BEFORE_ALL, formatId, type MessageId } from '../../../src/model/id.ts'
import { crc32 } from '../../../src/stores/file/crc.ts'
import { KIND, recordOf } from '../../../src/stores/file/format.ts'
import { below, channels, draft, FakeTime, name } from '../contract/harness.ts'
import { type FileSubject, folder, logsOf, open, rewrite } from './support.ts'

/** Writes a log of ten messages, closed again; where each one's body lies is told by its text. */
async function written(options = {}): Promise<{ path: string; time: FakeTime; ids: MessageId[] }> {
  const path = folder()
  const subject = open(path, new FakeTime(), options)
  const ids = []
  for (let n = 0; n < 10; n++) ids.push(await subject.publish(`c${n % 2}`, `body ${n}`))
  await subject.file.close()
  return { path, time: subject.time, ids }
}

function flip(log: string, text: string): void {
  rewrite(log, (bytes) => {
    const at = bytes.indexOf(text)
    expect(at).toBeGreaterThan(0)
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes
  })
}

async function bodies(subject: FileSubject): Promise<string[]> {
  return subject.bodies(below(''))
}

function firstLog(path: string): string {
  return logsOf(path)[0] as string
}

describe('a torn tail', () => {
  it('is cut, said, and no gap', async () => {
    const { path, time, ids } = await written()
    const log = firstLog(path)
    truncateSync(log, statSync(log).size - 3)

    const subject = open(path, time)

    const torn = 'body 9'.length + 24 + 2 - 3
    expect(subject.reports).toEqual([
      `${log}: ${torn} bytes at its end are torn; the log ends after ${formatId(ids[8] as MessageId)}`,
    ])
    expect(await bodies(subject)).toHaveLength(9)
    expect(subject.file.head).toBe(ids[8])
    expect(await subject.floor(below(''))).toBeLessThan(ids[0] as number)
    // What is published next stands where it was.
    await subject.publish('c0', 'after')
    await subject.file.close()
    const again = open(path, time)
    expect(again.reports).toEqual([])
    expect((await bodies(again)).slice(-2)).toEqual(['body 8', 'after'])
  })

  it('of zeros or noise is cut as well', async () => {
    for (const tail of [Buffer.alloc(5_000), Buffer.alloc(5_000, '\x5e\xfa', 'latin1')]) {
      const { path, time } = await written()
      appendFileSync(firstLog(path), tail)

      const subject = open(path, time)

      expect(subject.reports).toEqual([expect.stringContaining('5000 bytes at its end are torn')])
      expect(await bodies(subject)).toHaveLength(10)
    }
  })

  it('may be a whole file that was just begun', async () => {
    for (const begun of [0, 10, 64]) {
      const path = folder()
      const log = join(path, '00000001.log')
      appendFileSync(log, Buffer.alloc(begun))
      const subject = open(path, new FakeTime())
      await subject.publish('a')
      await subject.file.close()
      appendFileSync(join(path, '00000002.log'), Buffer.alloc(begun))

      const again = open(path, subject.time)

      expect(await bodies(again)).toEqual(['x'])
      expect(again.reports).toEqual([])
    }
  })
})

describe('a damaged middle', () => {
  it('is isolated and reported, and everyone below it is told of a gap', async () => {
    const { path, time, ids } = await written()
    flip(firstLog(path), 'body 4')

    const subject = open(path, time)

    expect(subject.reports).toHaveLength(1)
    expect(subject.reports[0]).toMatch(
      /00000001\.log: bytes \d+ to \d+ \(32\) are damaged; subscribers are told that messages up to/,
    )
    expect(await bodies(subject)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9].map((n) => `body ${n}`))
    // Whose the lost one was is not known: any channel may miss it.
    for (const channel of ['c0', 'c1', 'unknown']) {
      expect(await subject.floor(channels(channel))).toBe((ids[5] as number) - 1)
    }
  })

  it('stays known when the file has an index', async () => {
    const { path, time, ids } = await written({ segmentBytes: 200 })
    flip(firstLog(path), 'body 2')
    for (const file of readdirSync(path)) if (file.endsWith('.idx')) rmSync(join(path, file))
    await open(path, time).file.close()

    const again = open(path, time)

    expect(again.reports).toEqual([])
    expect(await again.floor(channels('c1'))).toBe((ids[3] as number) - 1)
    expect(await bodies(again)).toHaveLength(9)
  })

  it('that only a reader comes upon is told to its channel', async () => {
    const { path, time, ids } = await written({ segmentBytes: 200 })
    flip(firstLog(path), 'body 2')

    const subject = open(path, time)
    expect(subject.reports).toEqual([])
    const page = await subject.page(channels('c0'))

    expect(page.messages.map(({ body }) => String(body))).toEqual(
      [0, 4, 6, 8].map((n) => `body ${n}`),
    )
    expect(page.floor).toBe(ids[2])
    expect(subject.reports).toEqual([expect.stringMatching(/bytes \d+ to \d+ are damaged/)])
    expect(await subject.floor(channels('c1'))).toBeLessThan(ids[0] as number)
  })

  it('does not take what a publisher wrote for a record', async () => {
    const path = folder()
    const subject = open(path, new FakeTime())
    const forged = {
      kind: KIND.message,
      id: (subject.file.head + 2 ** 30) as MessageId,
      ms: 0,
      channel: name('secret'),
      body: Buffer.from('forged'),
    }
    await subject.append({ ...draft('a'), body: recordOf(forged, 0) })
    await subject.publish('a', 'last')
    await subject.file.close()
    // The length of the record that it is in.
    rewrite(firstLog(path), (bytes) => {
      bytes.writeUInt32LE(7, 64 + 8)
      return bytes
    })

    const again = open(path, subject.time)

    expect(await bodies(again)).toEqual(['last'])
    expect(again.file.channels(0, 10).names).toEqual(['a'])
  })

  it('may be the end of a full file, or a file that is gone', async () => {
    for (const damage of [
      (log: string) => truncateSync(log, statSync(log).size - 5),
      (log: string) => rmSync(log),
    ]) {
      const { path, time, ids } = await written({ segmentBytes: 200 })
      const logs = logsOf(path)
      expect(logs.length).toBeGreaterThan(2)
      damage(logs[1] as string)

      const subject = open(path, time)

      expect(subject.reports.join()).toContain('missing')
      const kept = await bodies(subject)
      expect(kept.length).toBeLessThan(10)
      const { floor } = await subject.page(channels('c0'), { after: BEFORE_ALL })
      const lost = ids.filter((_, n) => !kept.includes(`body ${n}`))
      expect(floor).toBeGreaterThanOrEqual(lost.at(-1) as number)
      expect(await subject.publish('c0')).toBeGreaterThan(ids.at(-1) as number)
    }
  })

  it('may be the oldest files, deleted by hand', async () => {
    const { path, time, ids } = await written({ segmentBytes: 200 })
    rmSync(firstLog(path))

    const subject = open(path, time)

    expect(subject.reports).toEqual([expect.stringContaining('was not carried on')])
    const kept = await bodies(subject)
    const lost = ids.filter((_, n) => !kept.includes(`body ${n}`))
    expect(await subject.floor(channels('c0'))).toBeGreaterThanOrEqual(lost.at(-1) as number)
  })
})

describe('a damaged index', () => {
  it('is not believed', async () => {
    const { path, time } = await written({ segmentBytes: 200 })
    const index = join(path, '00000001.idx')
    rewrite(index, (bytes) => {
      bytes[60] = (bytes[60] as number) ^ 4
      return bytes
    })

    const subject = open(path, time)

    expect(subject.reports).toEqual([`${index}: not usable; the log is read instead`])
    expect(await bodies(subject)).toHaveLength(10)
  })
})

describe('a damaged header', () => {
  it('costs a gap, and none of the records', async () => {
    const { path, time } = await written({ segmentBytes: 200 })
    for (const file of readdirSync(path)) if (file.endsWith('.idx')) rmSync(join(path, file))
    rewrite(logsOf(path)[1] as string, (bytes) => {
      bytes[20] = (bytes[20] as number) ^ 1
      return bytes
    })

    const subject = open(path, time)

    expect(subject.reports.join()).toContain('its header is damaged')
    expect(await bodies(subject)).toHaveLength(10)
  })

  it('of the only file is refused in words', async () => {
    const { path, time } = await written()
    const log = firstLog(path)
    rewrite(log, (bytes) => bytes.fill(0, 0, 8))
    expect(() => open(path, time)).toThrow('no file of this log has a header that can be read')
  })
  it('of a later version is refused, and left as it is', async () => {
    const { path, time } = await written()
    const log = firstLog(path)
    rewrite(log, (bytes) => {
      bytes.writeUInt16LE(2, 8)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
      return bytes
    })
    const before = readFileSync(log)

    expect(() => open(path, time)).toThrow(
      `${log} is in format 2; this Fanfare knows formats up to 1`,
    )
    expect(readFileSync(log).equals(before)).toBe(true)
    expect(readdirSync(path)).not.toContain('lock')
  })
})
