import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Running, run } from '../cli/cli-program.ts'
import { deadUrl, FakeFeed } from './fake-feed.ts'
import { GIT_ENV, temporaryFolder, TestRepository } from './git-repository.ts'

class Setup {
  readonly bare: string
  readonly work: TestRepository
  readonly hook: string
  readonly before: string

  constructor(name = 'x.git') {
    this.bare = join(temporaryFolder(), name)
    this.work = new TestRepository()
    this.work.git(['clone', '-q', '--bare', '.', this.bare])
    this.work.git(['remote', 'add', 'origin', this.bare])
    // A busy machine may take its time.
    this.work.git(['--git-dir', this.bare, 'config', 'fanfare.timeout', '30s'])
    this.hook = join(this.bare, 'hooks/post-receive')
    this.before = join(this.bare, 'hooks/post-receive.before-fanfare')
  }

  /** A hook of somebody else's. */
  write(script: string, path = this.hook): void {
    writeFileSync(path, script)
    chmodSync(path, 0o755)
  }

  install(...args: string[]): ReturnType<typeof run> {
    return run(['hook', 'install', this.bare, ...args], { env: GIT_ENV })
  }

  uninstall(): ReturnType<typeof run> {
    return run(['hook', 'uninstall', this.bare], { env: GIT_ENV })
  }

  /** What git says of a push; it waits for the hook. The servers of the test go on meanwhile. */
  async push(...args: string[]): Promise<{ code: number | null; stderr: string }> {
    const git = ['-C', this.work.path, 'push', '-q', 'origin', ...args]
    const running = new Running('git', git, { env: GIT_ENV, stdin: '' })
    return { code: await running.ended(), stderr: running.stderr }
  }

  /** Runs the hook as git would, for its exit code, which a push does not tell. */
  async runHook(stdin: string | Buffer): Promise<{ code: number | null; stdout: string }> {
    const script = 'cd "$1" && exec hooks/post-receive'
    const env = { ...GIT_ENV, GIT_DIR: '.' }
    const running = new Running('sh', ['-c', script, 'sh', this.bare], { env, stdin })
    return { code: await running.ended(), stdout: running.stdout }
  }
}

describe('fanfare hook install', () => {
  it('announces the pushes to a repository, under the name of its folder', async () => {
    const feed = await FakeFeed.start()
    const setup = new Setup("it's a $(test).git")
    const { code, stdout } = await setup.install('--url', feed.url)
    expect(code).toBe(0)
    expect(stdout).toContain(`Installed ${setup.hook}\n`)
    expect(stdout).toContain(`announced to ${feed.url} as project it's a $(test).git\n`)
    setup.work.commit('one')
    expect(await setup.push('main')).toEqual({ code: 0, stderr: '' })
    setup.work.commit('two')
    setup.work.git(['tag', 'v1'])
    await setup.push('main', 'v1')
    expect(feed.logs).toEqual(['New branch: main', 'one', 'two', 'New tag: v1'])
    expect(feed.posts[0]?.lines[0]).toContain(`"project":"it's a $(test).git"`)
    await setup.push(':v1')
    expect(feed.logs.at(-1)).toBe('Deleted tag: v1')
  })

  it('lets a push through, and tells the pusher, when nobody listens', async () => {
    const setup = new Setup()
    await setup.install('--url', await deadUrl())
    setup.work.commit('one')
    const { code, stderr } = await setup.push('main')
    expect(code).toBe(0)
    expect(stderr).toMatch(/^remote: fanfare: .* nothing listens there; 2 events kept in /m)
  })

  it('takes its project by name, and tells what it is', async () => {
    const feed = await FakeFeed.start()
    const setup = new Setup()
    await setup.install('--url', feed.url, '--project', 'The project')
    setup.work.commit('one')
    await setup.push('main')
    expect(feed.posts[0]?.lines[0]).toContain('"project":"The project"')
  })

  it('lets the hook that was there run first, with the same input, and keeps its exit code', async () => {
    const feed = await FakeFeed.start()
    const setup = new Setup()
    setup.write('#!/bin/sh\necho "$@" from $(basename $(pwd))\ncat\nexit 7\n')
    const { stdout: said } = await setup.install('--url', feed.url)
    expect(said).toContain(`The hook that was there runs first, as ${setup.before}\n`)
    setup.work.commit('one')
    const { stderr } = await setup.push('main')
    expect(stderr).toMatch(/remote: +from x\.git\s+remote: 0{40} [0-9a-f]{40} refs\/heads\/main/)
    expect(feed.logs).toEqual(['New branch: main', 'one'])
    const line = Buffer.from(`${setup.work.head()} ${'0'.repeat(40)} refs/heads/n\xe9\n`, 'latin1')
    expect(await setup.runHook(line)).toEqual({
      code: 7,
      stdout: `from x.git\n${line.toString('utf8')}`,
    })
  })

  it('lets a hook that does not read its input be', async () => {
    const setup = new Setup()
    setup.write('#!/bin/sh\nexit 0\n')
    await setup.install('--url', await deadUrl())
    setup.work.commit('one')
    for (let n = 0; n < 500; n++) setup.work.git(['update-ref', `refs/heads/b${n}`, 'HEAD'])
    const { code, stderr } = await setup.push('--all')
    expect(code).toBe(0)
    expect(stderr).not.toMatch(/pipe/i)
    expect(stderr).toContain('events kept')
  })

  it.each([
    ['a file that is not executable', 0o644, 0],
    ['one that fails', 0o755, 3],
  ])('keeps %s as it was', async (_, mode, code) => {
    const setup = new Setup()
    setup.write('#!/bin/sh\nexit 3\n')
    chmodSync(setup.hook, mode)
    await setup.install('--url', await deadUrl())
    expect((await setup.runHook('')).code).toBe(code)
    await setup.uninstall()
    expect(lstatSync(setup.hook).mode & 0o777).toBe(mode)
  })

  it('does nothing the second time', async () => {
    const setup = new Setup()
    setup.write('#!/bin/sh\nexit 3\n')
    await setup.install()
    const once = readFileSync(setup.hook, 'utf8')
    const { code, stdout } = await setup.install()
    expect(code).toBe(0)
    expect(stdout).toContain(`${setup.hook} is installed already`)
    expect(readFileSync(setup.hook, 'utf8')).toBe(once)
    expect(readFileSync(setup.before, 'utf8')).toBe('#!/bin/sh\nexit 3\n')
  })

  it('renews a hook of ours that runs another program', async () => {
    const setup = new Setup()
    await setup.install()
    const once = readFileSync(setup.hook, 'utf8')
    writeFileSync(setup.hook, once.replace(/^fanfare=.*$/m, "fanfare='/gone'"))
    expect((await setup.install()).stdout).toContain('Renewed')
    expect(readFileSync(setup.hook, 'utf8')).toBe(once)
    expect(existsSync(setup.before)).toBe(false)
  })

  it('says so in the push when the program is gone, and fails nothing', async () => {
    const setup = new Setup()
    await setup.install()
    const script = readFileSync(setup.hook, 'utf8')
    writeFileSync(setup.hook, script.replace(/^fanfare=.*$/m, "fanfare='/gone'"))
    setup.work.commit('one')
    const { code, stderr } = await setup.push('main')
    expect(code).toBe(0)
    expect(stderr).toContain('fanfare: /gone (run by')
  })

  it('goes where core.hooksPath says, makes the folder, and says whom that is for', async () => {
    const setup = new Setup()
    const folder = join(temporaryFolder(), 'deep/hooks')
    setup.work.git(['--git-dir', setup.bare, 'config', 'core.hooksPath', folder])
    const { stdout } = await setup.install()
    expect(readdirSync(folder)).toEqual(['post-receive'])
    expect(stdout).toContain(`Every repository that uses ${folder} has it now`)
  })

  it('makes the hooks folder of its own where there is none', async () => {
    const setup = new Setup()
    rmSync(join(setup.bare, 'hooks'), { recursive: true })
    expect((await setup.install()).code).toBe(0)
    expect(existsSync(setup.hook)).toBe(true)
  })

  it('takes a repository with a working tree', async () => {
    const repository = new TestRepository()
    const { stdout } = await run(['hook', 'install', repository.path], { env: GIT_ENV })
    expect(stdout).toContain(join(repository.path, '.git/hooks/post-receive'))
    expect(stdout).toContain('as project repo\n')
  })

  it.each([
    ['no repository', (setup: Setup) => rmSync(join(setup.bare, 'HEAD')), /not a git repository/],
    ['no folder', (setup: Setup) => rmSync(setup.bare, { recursive: true }), /there is no \//],
    [
      'an earlier hook twice',
      (setup: Setup) => {
        setup.write('#!/bin/sh\n')
        setup.write('#!/bin/sh\n', setup.before)
      },
      /before-fanfare is there already; move it away first/,
    ],
    [
      'a folder in the way',
      (setup: Setup) => {
        rmSync(join(setup.bare, 'hooks'), { recursive: true })
        writeFileSync(join(setup.bare, 'hooks'), '')
      },
      /EEXIST|ENOTDIR/,
    ],
  ])('says why it cannot: %s', async (_, spoil, message) => {
    const setup = new Setup()
    spoil(setup)
    const { code, stderr, stdout } = await setup.install()
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd()).not.toContain('\n')
  })

  it('takes no URL that is none', async () => {
    const setup = new Setup()
    const { code, stderr } = await setup.install('--url', 'localhost:2069')
    expect(code).toBe(1)
    expect(stderr).toContain('localhost:2069')
    expect(existsSync(setup.hook)).toBe(false)
  })
})

describe('fanfare hook uninstall', () => {
  it('removes a hook that was alone', async () => {
    const setup = new Setup()
    const before = readdirSync(join(setup.bare, 'hooks'))
    await setup.install()
    expect((await setup.uninstall()).code).toBe(0)
    expect(readdirSync(join(setup.bare, 'hooks'))).toEqual(before)
  })

  it('puts back what was there: a link, a program', async () => {
    const setup = new Setup()
    mkdirSync(join(setup.bare, 'tools'))
    const bytes = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff])
    writeFileSync(join(setup.bare, 'tools/hook'), bytes)
    symlinkSync('../tools/hook', setup.hook)
    await setup.install()
    expect(lstatSync(setup.hook).isSymbolicLink()).toBe(false)
    expect(readFileSync(setup.before)).toEqual(bytes)
    await setup.uninstall()
    expect(readlinkSync(setup.hook)).toBe('../tools/hook')
    expect(existsSync(setup.before)).toBe(false)
  })

  it('leaves a hook that is not ours', async () => {
    const setup = new Setup()
    setup.write('#!/bin/sh\n')
    const { code, stderr } = await setup.uninstall()
    expect(code).toBe(1)
    expect(stderr).toContain('is not ours: nothing to take out')
    expect(existsSync(setup.hook)).toBe(true)
  })
})

describe('a hook by hand', () => {
  it('may be the loop of the original', async () => {
    const feed = await FakeFeed.start()
    const setup = new Setup()
    const program = `'${process.execPath}' '${join(process.cwd(), 'dist/src/cli/main.js')}'`
    const loop = `while read o n r; do ${program} hook post-receive $o $n $r --url ${feed.url}; done`
    setup.write(`#!/bin/sh\n${loop}\n`)
    setup.work.commit('one')
    await setup.push('main')
    setup.work.commit('two')
    setup.work.git(['tag', 'v1'])
    await setup.push('main', 'v1')
    expect(feed.logs).toEqual(['New branch: main', 'one', 'two', 'New tag: v1'])
  })
})
