import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { channels, FakeTime } from '../contract/harness.ts'
import { folder, open } from './support.ts'

interface Holder {
  pid: number
  host: string
  since: string
  started: string
  boot: string
}

/** Leaves a lock as another holder would have. */
async function leave(path: string, change: Partial<Holder>): Promise<void> {
  const subject = open(path, new FakeTime())
  await subject.publish('a', 'before')
  const text = readFileSync(join(path, 'lock'), 'utf8')
  await subject.file.close()
  writeFileSync(join(path, 'lock'), JSON.stringify({ ...(JSON.parse(text) as Holder), ...change }))
}

/** A process that lives as long as the test. */
function bystander(): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child.pid as number
}

describe('the lock of a file store', () => {
  it('keeps a second one out of the folder, and is gone once the first is closed', async () => {
    const path = folder()
    const first = open(path, new FakeTime())

    expect(() => open(path, new FakeTime())).toThrow('open in this very process already')
    await first.file.close()

    expect(existsSync(join(path, 'lock'))).toBe(false)
    expect(() => open(path, new FakeTime())).not.toThrow()
  })

  it('names the process that holds it', async () => {
    const path = folder()
    const pid = bystander()
    await leave(path, { pid, started: '', since: '2026-01-02T03:04:05.000Z' })

    expect(() => open(path, new FakeTime())).toThrow(
      `is in use by process ${pid} on ${hostname()} since 2026-01-02T03:04:05.000Z`,
    )
  })

  it('is taken over when its process is gone', async () => {
    const path = folder()
    await leave(path, { pid: 2 ** 22 + 1 })

    const subject = open(path, new FakeTime())

    expect(await subject.bodies(channels('a'))).toEqual(['before'])
    expect(subject.reports).toEqual([])
  })

  it('is taken over when its id belongs to another process by now', async () => {
    const path = folder()
    await leave(path, { pid: bystander(), started: '1' })

    expect(() => open(path, new FakeTime())).not.toThrow()
  })

  it('of another machine holds while that one shows that it is there', async () => {
    const path = folder()
    await leave(path, { host: 'elsewhere', boot: 'other' })
    expect(() => open(path, new FakeTime())).toThrow('on elsewhere')

    const past = new Date(Date.now() - 60_000)
    utimesSync(join(path, 'lock'), past, past)

    expect(() => open(path, new FakeTime())).not.toThrow()
  })

  it('that is torn is nobody’s', async () => {
    const path = folder()
    await leave(path, {})
    writeFileSync(join(path, 'lock'), '{"pid":')

    expect(() => open(path, new FakeTime())).not.toThrow()
  })

  it('is not taken over by two at once', async () => {
    const path = folder()
    await leave(path, { pid: 2 ** 22 + 1 })
    mkdirSync(join(path, 'lock.takeover'))

    expect(() => open(path, new FakeTime())).toThrow('another process is taking over')
  })

  it('left by a machine that went down has everyone told of a gap', async () => {
    const path = folder()
    await leave(path, { pid: 2 ** 22 + 1, boot: 'an earlier run' })

    const subject = open(path, new FakeTime())

    expect(subject.reports).toEqual([expect.stringContaining('the machine went down')])
    const { floor, upTo } = await subject.page(channels('a'))
    expect(floor).toBe(upTo)
    expect(await subject.bodies(channels('a'))).toEqual(['before'])
    const id = await subject.publish('a', 'after')
    expect(id).toBeGreaterThan(floor)
    // It stays so.
    await subject.file.close()
    const again = open(path, subject.time)
    expect(again.reports).toEqual([])
    expect((await again.page(channels('a'))).floor).toBe(floor)
  })

  it('left by a machine that went down means nothing where every message was synced', async () => {
    const path = folder()
    await leave(path, { pid: 2 ** 22 + 1, boot: 'an earlier run' })

    const subject = open(path, new FakeTime(), { durability: 'always' })

    expect(subject.reports).toEqual([])
    const { floor, upTo } = await subject.page(channels('a'))
    expect(floor).toBeLessThan(upTo)
  })
})
