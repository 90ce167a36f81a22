import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fanfare, type Running } from '../cli/cli-program.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { temporaryFolder } from './reload-support.ts'

const BASE = `
port: 0
store: { type: memory }
feed: false
redis: false
fanout: false
sparkleshare: false
management: false
`

const SMALL = 'limits: { maxBodyBytes: 1KiB }\n'

interface Program {
  readonly running: Running
  readonly port: number
  /** A stream of `live`, open since before anything was reloaded. */
  readonly stream: RawClient
}

async function serve(file: string, ...args: string[]): Promise<Program> {
  const running = fanfare(['serve', '--config', file, ...args], { stdin: '' })
  await until(
    () => running.stdout.includes('Stop with') || running.process.exitCode !== null,
    'it listens',
    30_000,
  )
  const port = Number(/listens on http:\/\/[^:]+:(\d+)/.exec(running.stdout)?.[1])
  if (!port) throw new Error(`it does not run: ${running.stderr}`)
  const stream = await RawClient.connect(port)
  stream.send(requestBytes('GET', '/events/live', { Accept: 'text/event-stream' }))
  await stream.takeUntil('\r\n\r\n')
  return { running, port, stream }
}

async function post(port: number, body: string): Promise<number> {
  return (await request(port, 'POST', '/publisher/live', {}, body)).status
}

/** The stream that was there before hears what is published now. */
async function stillThere({ port, stream }: Program): Promise<void> {
  expect(await post(port, 'still there')).toBe(201)
  await stream.until(() => stream.received.includes('data: still there'))
}

const TOO_LARGE = 'x'.repeat(2_000)

describe('fanfare serve', () => {
  it('reads its file again at SIGHUP, and says what has changed', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, BASE)
    const program = await serve(file, '--no-watch')
    const { running, port } = program
    expect(await post(port, TOO_LARGE)).toBe(201)
    writeFileSync(file, `${BASE}${SMALL}`)
    running.process.kill('SIGHUP')
    await until(() => running.stdout.includes('limits.maxBodyBytes'), 'it says so')
    expect(running.stdout).toContain(
      'Configuration read again:\n  changed        limits.maxBodyBytes\n',
    )
    expect(await post(port, TOO_LARGE)).toBe(413)
    await stillThere(program)
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)
  })

  it('keeps its configuration when the file is wrong, and says all that is', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, BASE)
    const program = await serve(file, '--no-watch')
    const { running } = program
    writeFileSync(file, `${BASE}${SMALL}limit: 3\ntrustedPeers: [nobody]\n`)
    running.process.kill('SIGHUP')
    await running.complained('the former one holds on')
    expect(running.stderr).toMatch(/fanfare\.yaml:10:1: .*limit/)
    expect(running.stderr).toMatch(/fanfare\.yaml:11:16: trustedPeers/)
    expect(await post(program.port, TOO_LARGE)).toBe(201)
    await stillThere(program)
  })

  it('says so when a port is taken, and keeps its configuration', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, BASE)
    const program = await serve(file, '--no-watch')
    const { running, port } = program
    writeFileSync(file, `${BASE}${SMALL}`.replace('feed: false', `feed: { port: ${port} }`))
    running.process.kill('SIGHUP')
    await running.complained(
      `feed: something else listens on 127.0.0.1:${port} already. Nothing has changed.`,
    )
    expect(await post(port, TOO_LARGE)).toBe(201)
    await stillThere(program)
  })

  it('says so when nothing has changed', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, BASE)
    const { running } = await serve(file, '--no-watch')
    running.process.kill('SIGHUP')
    await until(() => running.stdout.includes('nothing has changed'), 'it says so')
  })
})

/** Ways in which a file comes to have other contents. */
const WAYS: Record<string, (at: string) => { readonly file: string; change(text: string): void }> =
  {
    'written anew': (at) => {
      const file = join(at, 'fanfare.yaml')
      writeFileSync(file, BASE)
      return { file, change: (text) => writeFileSync(file, text) }
    },
    'another in its place': (at) => {
      const file = join(at, 'fanfare.yaml')
      writeFileSync(file, BASE)
      return {
        file,
        change(text) {
          writeFileSync(`${file}.new`, text)
          renameSync(`${file}.new`, file)
        },
      }
    },
    'away, then there again': (at) => {
      const file = join(at, 'fanfare.yaml')
      writeFileSync(file, BASE)
      return {
        file,
        change(text) {
          renameSync(file, `${file}~`)
          writeFileSync(file, text)
        },
      }
    },
    'a link to another folder, as Kubernetes has it': (at) => {
      const version = (name: string, text: string): void => {
        mkdirSync(join(at, name))
        writeFileSync(join(at, name, 'fanfare.yaml'), text)
        symlinkSync(name, join(at, '..data_tmp'))
        renameSync(join(at, '..data_tmp'), join(at, '..data'))
      }
      version('..1', BASE)
      const file = join(at, 'fanfare.yaml')
      symlinkSync('..data/fanfare.yaml', file)
      return {
        file,
        change(text) {
          version('..2', text)
          rmSync(join(at, '..1'), { recursive: true })
        },
      }
    },
    'a link to a file elsewhere': (at) => {
      mkdirSync(join(at, 'elsewhere'))
      mkdirSync(join(at, 'here'))
      const real = join(at, 'elsewhere', 'real.yaml')
      writeFileSync(real, BASE)
      const file = join(at, 'here', 'fanfare.yaml')
      symlinkSync(real, file)
      return { file, change: (text) => writeFileSync(real, text) }
    },
  }

/** How many files or folders a program watches, as the kernel tells it. */
function watchesOf({ process: { pid } }: Running): number {
  const folder = `/proc/${pid}/fdinfo`
  const infos = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'utf8'))
  return infos.join('').split('inotify wd:').length - 1
}

describe('a file that changes', () => {
  it.each(Object.keys(WAYS))('is read again: %s', async (way) => {
    const made = WAYS[way]?.(temporaryFolder())
    if (!made) throw new Error('no such way')
    const program = await serve(made.file)
    const { running, port } = program
    made.change(`${BASE}${SMALL}`)
    await until(() => running.stdout.includes('limits.maxBodyBytes'), 'it is read again')
    expect(await post(port, TOO_LARGE)).toBe(413)
    // And once more: the watch goes on.
    if (way === 'a link to another folder, as Kubernetes has it') return
    made.change(`${BASE}trustedPeers: [127.0.0.1]\n`)
    await until(() => running.stdout.includes('trustedPeers'), 'it is read again')
    expect(await post(port, TOO_LARGE)).toBe(201)
    await stillThere(program)
  })

  it.runIf(process.platform === 'linux')(
    'is not watched with `watch: false`, or --no-watch',
    async () => {
      const file = join(temporaryFolder(), 'fanfare.yaml')
      writeFileSync(file, BASE)
      expect(watchesOf((await serve(file)).running)).toBe(1)
      expect(watchesOf((await serve(file, '--no-watch')).running)).toBe(0)
      writeFileSync(file, `${BASE}watch: false\n`)
      expect(watchesOf((await serve(file)).running)).toBe(0)
    },
  )

  it('with a mistake is told of, and read again when that is put right', async () => {
    const file = join(temporaryFolder(), 'fanfare.yaml')
    writeFileSync(file, BASE)
    const program = await serve(file)
    writeFileSync(file, `${BASE}limits: [`)
    await program.running.complained('the former one holds on')
    writeFileSync(file, `${BASE}${SMALL}`)
    await until(() => program.running.stdout.includes('limits.maxBodyBytes'), 'it is read again')
    await until(() => !program.stream.ended, 'the stream is there')
    expect(await post(program.port, TOO_LARGE)).toBe(413)
  })
})
