import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { channelFromText, type ChannelName } from '../../src/model/channel.ts'
import { BEFORE_ALL, formatId, type MessageId } from '../../src/model/id.ts'
import type { Draft, Message } from '../../src/model/message.ts'
import { Selectors } from '../../src/model/selector.ts'
import { FileStore } from '../../src/stores/file/file-store.ts'
import type { FileOptions } from '../../src/stores/file/options.ts'
import { run } from './cli-program.ts'

const EVERYTHING = new Selectors([], [''])

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-log-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return join(path, 'log')
}

const MORE: Partial<Draft>[] = [
  { contentType: 'text/plain' },
  { body: Buffer.from([0xff, 0x00]), attributes: { revision: 'abc' } },
  { data: '{"n": 1}' },
  { ttl: 3_600 },
]

/** A log of eight messages in the channels a and b/c. */
async function written(path: string, options: Partial<FileOptions> = {}): Promise<MessageId[]> {
  const store = new FileStore(path, options)
  const ids = []
  for (let n = 0; n < 8; n++) {
    const channel = channelFromText(n % 2 === 0 ? 'a' : 'b/c') as ChannelName
    const body = Buffer.from(`body ${n}`)
    ids.push((await store.append({ channel, body, ...MORE[n % MORE.length] })).id)
  }
  await store.close()
  return ids
}

async function contentOf(path: string): Promise<unknown[]> {
  const store = new FileStore(path)
  const page = await store.read({ selectors: EVERYTHING, after: BEFORE_ALL, limit: 100 })
  await store.close()
  return page.messages.map(shown)
}

function shown(message: Message): unknown {
  const { id, time, channel, contentType, attributes, ownData, expires } = message
  return [
    id,
    time,
    channel,
    contentType,
    attributes,
    ownData,
    expires,
    message.body.toString('hex'),
  ]
}

function damage(path: string): void {
  const log = join(path, '00000001.log')
  const bytes = readFileSync(log)
  bytes.write('BODY', bytes.indexOf('body 4'))
  writeFileSync(log, bytes)
}

function idsOf(lines: string): unknown[] {
  const all = lines.split('\n').slice(0, -1)
  return all.map((line) => (JSON.parse(line) as { id: string }).id)
}

describe('fanfare log inspect', () => {
  it('says what there is', async () => {
    const path = folder()
    const ids = await written(path, { segmentBytes: 200 })

    const { code, stdout } = await run(['log', 'inspect', path])

    expect(code).toBe(0)
    expect(stdout).toContain('8 messages in 2 channels')
    expect(stdout).toContain(`the newest id is ${formatId(ids[7] as MessageId)}`)
    expect(stdout).toContain('not open in any process')
    expect(stdout).toMatch(
      new RegExp(`^00000001\\.log +\\d+ +\\d+ +${formatId(ids[0] as MessageId)} `, 'm'),
    )
    expect(stdout).toMatch(/^ +\d+ +4 +\d+-\d+ +b\/c$/m)
  })

  it('names who has it open', async () => {
    const path = folder()
    const store = new FileStore(path)
    onTestFinished(() => store.close())

    const { code, stdout } = await run(['log', 'inspect', path])

    expect(code).toBe(0)
    expect(stdout).toContain(`open in process ${process.pid} on`)
  })

  it('of what is no log says so', async () => {
    const { code, stderr } = await run(['log', 'inspect', '/nowhere'])

    expect(code).toBe(1)
    expect(stderr).toBe('fanfare: /nowhere: there is no such folder\n')
  })
})

describe('fanfare log verify', () => {
  it('finds nothing in a good log', async () => {
    const path = folder()
    await written(path)

    const { code, stdout } = await run(['log', 'verify', path])

    expect(code).toBe(0)
    expect(stdout).toBe(`${path}: fine. 8 messages in 1 files read\n`)
  })

  it('says where a damaged one is, and ends with 1', async () => {
    const path = folder()
    await written(path)
    damage(path)

    const { code, stdout } = await run(['log', 'verify', path])

    expect(code).toBe(1)
    expect(stdout).toMatch(/00000001\.log: bytes \d+ to \d+ \(\d+\) are damaged/)
    expect(stdout).toContain('DAMAGED. 7 messages')
  })
})

describe('fanfare log export and import', () => {
  it('give a new log the same messages, ids and times', async () => {
    const path = folder()
    await written(path)
    const exported = await run(['log', 'export', path])
    expect(exported.code).toBe(0)
    expect(exported.stdout.split('\n')).toHaveLength(9)
    const copy = folder()

    const imported = await run(['log', 'import', copy], { stdin: exported.stdout })

    expect(imported).toMatchObject({ code: 0, stderr: '8 messages imported\n' })
    expect(await contentOf(copy)).toEqual(await contentOf(path))
  })

  it('export what is asked for', async () => {
    const path = folder()
    const ids = await written(path)
    const since = formatId(ids[2] as MessageId)

    const one = await run(['log', 'export', path, '--channel', 'a', '--since', since])
    const subtree = await run(['log', 'export', path, '--channel', 'b/'])

    expect(idsOf(one.stdout)).toEqual([4, 6].map((n) => formatId(ids[n] as MessageId)))
    expect(idsOf(subtree.stdout)).toEqual([1, 3, 5, 7].map((n) => formatId(ids[n] as MessageId)))
  })

  it('export what is whole of a damaged log, and end with 1', async () => {
    const path = folder()
    await written(path)
    damage(path)

    const { code, stdout, stderr } = await run(['log', 'export', path])

    expect(stdout.split('\n')).toHaveLength(8)
    expect(stderr).toContain('are damaged')
    expect(code).toBe(1)
  })

  it('give new ids where the log has later ones', async () => {
    const path = folder()
    await written(path)
    const { stdout } = await run(['log', 'export', path])

    const again = await run(['log', 'import', path], { stdin: stdout })

    expect(again.stderr).toBe('8 messages imported; 8 got new ids, as the log has later ones\n')
    expect(await contentOf(path)).toHaveLength(16)
  })

  it('import lines without ids, and say which line is wrong', async () => {
    const path = folder()
    const stdin = '{"channel":"a","body":"one"}\n\n{"channel":"a","bodi":"two"}\n'

    const { code, stderr } = await run(['log', 'import', path], { stdin })

    expect(code).toBe(1)
    expect(stderr).toContain('fanfare: line 3: unknown field "bodi"')
    expect(await contentOf(path)).toHaveLength(1)
  })

  it('refuse a log that is in use', async () => {
    const path = folder()
    const store = new FileStore(path)
    onTestFinished(() => store.close())

    const { code, stderr } = await run(['log', 'import', path], {
      stdin: '{"channel":"a","body":"x"}',
    })

    expect(code).toBe(1)
    expect(stderr).toContain(`is in use by process ${process.pid}`)
  })
})
