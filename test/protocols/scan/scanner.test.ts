import {
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { luaPattern } from '../../../src/protocols/scan/lua-pattern.ts'
import type { ScannerOptions } from '../../../src/protocols/scan/scanner.ts'
import { until } from '../../support/wait.ts'
import { ScanRig } from './rig.ts'

const HOUR = 3_600_000
/** Two ways to find a change; each has to do alone. */
const WAYS: readonly { way: string; options: Partial<ScannerOptions> }[] = [
  { way: 'the interval', options: { maxWatchers: 0, interval: 50 } },
  { way: 'the system', options: { interval: HOUR } },
]

describe.each(WAYS)('a scan by $way', ({ options }) => {
  it('says nothing of what was there, and announces what is pushed', async () => {
    const rig = new ScanRig()
    rig.clone()
    await rig.start(options)
    rig.work.commit('one')
    rig.work.commit('two')
    rig.push()
    await until(() => rig.events.length >= 2, 'both commits')
    rig.work.git(['tag', 'v1'])
    rig.work.git(['branch', 'group/topic'])
    rig.push('x.git', 'v1', 'group/topic')
    await until(() => rig.events.length >= 4, 'branch and tag')
    rig.push('x.git', ':group/topic')
    await until(() => rig.events.length >= 5, 'the deletion')
    expect(rig.events).toEqual([
      'x.git refs/heads/main one',
      'x.git refs/heads/main two',
      'x.git refs/heads/group/topic New branch: group/topic',
      'x.git refs/tags/v1 New tag: v1',
      'x.git refs/heads/group/topic Deleted branch: group/topic',
    ])
    expect(rig.errors).toEqual([])
  })

  it('announces a repository that appears', async () => {
    const rig = new ScanRig()
    await rig.start(options)
    rig.work.commit('second')
    // Made elsewhere, so that it is complete when it appears.
    renameSync(rig.clone('../other'), join(rig.root, 'new.git'))
    await until(() => rig.events.length >= 3, 'all of it')
    expect(rig.events).toEqual([
      'new.git refs/heads/main New branch: main',
      'new.git refs/heads/main first',
      'new.git refs/heads/main second',
    ])
  })

  it('follows a repository with no commit yet', async () => {
    const rig = new ScanRig()
    rig.work.git(['init', '-q', '--bare', join(rig.root, 'empty.git')])
    await rig.start(options)
    rig.push('empty.git')
    await until(() => rig.events.length >= 2, 'the first push')
    expect(rig.events[0]).toBe('empty.git refs/heads/main New branch: main')
  })
})

describe('a scan', () => {
  it('goes on after a restart with what was pushed meanwhile, and says nothing twice', async () => {
    const rig = new ScanRig()
    rig.clone()
    rig.clone('still.git')
    await (await rig.start()).stop()
    rig.work.commit('while it was down')
    rig.push()
    rig.clone('new.git')
    const second = await rig.start()
    await until(() => rig.events.length >= 1, 'the commit')
    await second.stop()
    await rig.start()
    rig.work.commit('live')
    rig.push()
    await until(() => rig.events.length >= 2, 'the next commit')
    expect(rig.events).toEqual([
      'x.git refs/heads/main while it was down',
      'x.git refs/heads/main live',
    ])
  })

  it('takes a crash before the state was written for a reason to announce again', async () => {
    const rig = new ScanRig()
    rig.clone()
    const first = await rig.start()
    await first.stop()
    const before = readFileSync(rig.state)
    rig.work.commit('one')
    rig.push()
    const second = await rig.start()
    await until(() => rig.events.length >= 1, 'the commit')
    await second.stop()
    writeFileSync(rig.state, before)
    await rig.start()
    await until(() => rig.events.length >= 2, 'the commit again')
    expect(rig.events).toEqual(['x.git refs/heads/main one', 'x.git refs/heads/main one'])
  })

  it('forgets a repository that is gone', async () => {
    const rig = new ScanRig()
    rig.clone()
    const scanner = await rig.start({ memory: 0 })
    rmSync(join(rig.root, 'x.git'), { recursive: true })
    await until(() => scanner.count === 0, 'that it is gone')
    await until(() => !readFileSync(rig.state, 'utf8').includes('x.git'), 'that it is forgotten')
    rig.clone()
    await until(() => rig.events.length >= 2, 'that it is new')
    expect(rig.events[0]).toBe('x.git refs/heads/main New branch: main')
  })

  it('remembers for a while one that comes back, over a restart too', async () => {
    const rig = new ScanRig()
    const path = rig.clone()
    const first = await rig.start()
    renameSync(path, `${path}-away`.replace('.git', ''))
    await until(() => first.count === 0, 'that it is gone')
    await first.stop()
    const second = await rig.start()
    expect(second.count).toBe(0)
    rig.work.commit('one')
    renameSync(`${path}-away`.replace('.git', ''), path)
    rig.push()
    await until(() => rig.events.length >= 1, 'the push')
    expect(rig.events).toEqual(['x.git refs/heads/main one'])
  })

  it('bounds what it announces of one change', async () => {
    const rig = new ScanRig()
    rig.clone()
    await rig.start({ maxCommits: 2 })
    rig.work.import(10, { from: rig.work.head() })
    rig.push()
    await until(() => rig.events.length >= 3, 'three events')
    expect(rig.events.map((event) => event.replace(/^\S+ \S+ /, ''))).toEqual([
      '10 commits pushed to main; the last 2 follow',
      'c9',
      'c10',
    ])
  })

  it('leaves the refs that are not for others alone', async () => {
    const rig = new ScanRig()
    const path = rig.clone()
    await rig.start()
    rig.work.commit('private')
    rig.push('x.git', 'main:refs/remotes/origin/main', 'main:refs/changes/1')
    rig.work.commit('public')
    rig.push('x.git', 'main')
    await until(() => rig.events.length >= 2, 'what is on the branch')
    expect(rig.work.git(['--git-dir', path, 'for-each-ref']).split('\n')).toHaveLength(3)
    expect(rig.events).toEqual(['x.git refs/heads/main private', 'x.git refs/heads/main public'])
  })

  it('reads only what matches, in the folder that it is told, links too', async () => {
    const rig = new ScanRig()
    rig.clone('no-match')
    mkdirSync(join(rig.root, 'not a repository.git'))
    symlinkSync(rig.work.path, join(rig.root, 'linked'))
    const criteria = luaPattern('^linked$')
    const scanner = await rig.start({ criteria, gitFolder: '/.git' })
    expect(scanner.count).toBe(1)
    rig.work.git(['config', 'fanfare.project', 'named'])
    rig.work.commit('one')
    await until(() => rig.events.length >= 1, 'the commit')
    expect(rig.events).toEqual(['named refs/heads/main one'])
  })

  it('looks at no more repositories than it may, and says so once', async () => {
    const rig = new ScanRig()
    for (const name of ['a.git', 'b.git', 'c.git']) rig.clone(name)
    const scanner = await rig.start({ maxRepositories: 2 })
    expect(scanner.count).toBe(2)
    rig.work.commit('one')
    for (const name of ['c.git', 'b.git']) rig.push(name)
    await until(() => rig.events.length >= 1, 'the commit')
    expect(rig.events).toEqual(['b.git refs/heads/main one'])
    expect(rig.errors).toEqual([
      `Error: scan of ${rig.root}: there are more than 2 repositories (maxRepositories); those from c.git on are not looked at`,
    ])
  })

  it.runIf(process.getuid?.() === 0)('reads repositories of other users', async () => {
    const rig = new ScanRig()
    const path = rig.clone()
    chownSync(path, 12_345, 12_345)
    expect(() => rig.work.git(['-C', path, 'status'])).toThrow('dubious ownership')
    await rig.start()
    const loose = join(path, 'refs/heads/other')
    writeFileSync(loose, `${rig.work.head()}\n`)
    await until(() => rig.events.length >= 1, 'the branch')
    expect(rig.errors).toEqual([])
  })

  it('does not take over the git variables of its own environment', async () => {
    const rig = new ScanRig()
    rig.clone()
    process.env['GIT_DIR'] = '/nonexistent'
    onTestFinished(() => {
      delete process.env['GIT_DIR']
    })
    await rig.start()
    rig.work.commit('one')
    rig.push()
    await until(() => rig.events.length >= 1, 'the commit')
  })
})

describe('a scan in trouble', () => {
  it('tells of a broken repository once, goes on with the others, and with it when it is well', async () => {
    const rig = new ScanRig()
    const broken = rig.clone('broken.git')
    rig.clone()
    await rig.start()
    const config = readFileSync(join(broken, 'config'))
    writeFileSync(join(broken, 'config'), '[core]\nrepositoryformatversion = 99\n')
    rig.work.commit('one')
    writeFileSync(join(broken, 'refs/heads/new'), `${rig.work.head('HEAD~1')}\n`)
    rig.push()
    await until(() => rig.events.length >= 1 && rig.errors.length >= 1, 'event and error')
    rig.work.commit('two')
    rig.push()
    await until(() => rig.events.length >= 2, 'the next event')
    expect(rig.errors).toEqual([expect.stringMatching(/scan of \/.*broken\.git: git .*version/)])
    writeFileSync(join(broken, 'config'), config)
    await until(() => rig.events.length >= 3, 'the event of the broken one')
    expect(rig.events[2]).toBe('broken.git refs/heads/new New branch: new')
  })

  it('says that git is missing, once', async () => {
    const rig = new ScanRig()
    rig.clone()
    const path = process.env['PATH'] ?? ''
    onTestFinished(() => {
      process.env['PATH'] = path
    })
    process.env['PATH'] = rig.folder
    const first = await rig.start()
    await first.stop()
    expect(rig.errors).toEqual([expect.stringContaining('git is not installed')])
  })

  it('starts anew with a state that is spoilt, and says so', async () => {
    const rig = new ScanRig()
    rig.clone()
    mkdirSync(join(rig.folder, 'state'))
    writeFileSync(rig.state, '{"version":1,')
    await rig.start()
    expect(rig.errors).toEqual([expect.stringContaining('is not what a scan has written')])
    rig.work.commit('one')
    rig.push()
    await until(() => rig.events.length >= 1, 'the commit')
    expect(rig.events).toEqual(['x.git refs/heads/main one'])
  })

  it('does without a state that cannot be written', async () => {
    const rig = new ScanRig()
    rig.clone()
    writeFileSync(join(rig.folder, 'state'), '')
    await rig.start()
    rig.work.commit('one')
    rig.push()
    await until(() => rig.events.length >= 1, 'the commit')
    expect(new Set(rig.errors).size).toBe(rig.errors.length)
    expect(rig.errors.join()).toMatch(/ENOTDIR|EEXIST/)
  })

  it('publishes again what could not be published', async () => {
    const rig = new ScanRig()
    rig.clone()
    let calls = 0
    await rig.start({
      publish: async (json) => {
        if (++calls === 2) throw new Error('the store is away')
        rig.keep(json)
      },
    })
    rig.work.commit('one')
    rig.work.commit('two')
    rig.push()
    await until(() => rig.events.length >= 3, 'both, after another attempt')
    expect(rig.events.map((event) => event.split(' ')[2])).toEqual(['one', 'one', 'two'])
    expect(rig.errors).toEqual([expect.stringContaining('the store is away')])
  })

  it('does not try for ever', async () => {
    const rig = new ScanRig()
    rig.clone()
    await rig.start({
      publish: async (json) => {
        if (json.includes('never')) throw new Error('too large')
        rig.keep(json)
      },
    })
    rig.work.commit('never')
    rig.work.commit('fine')
    rig.push()
    await until(() => rig.events.length >= 1, 'what can be published')
    expect(rig.events).toEqual(['x.git refs/heads/main fine'])
  })

  it('goes on when the folder was away for a moment', async () => {
    const rig = new ScanRig()
    rig.clone()
    await rig.start()
    renameSync(rig.root, `${rig.root}-away`)
    await until(() => rig.errors.length >= 1, 'the complaint')
    renameSync(`${rig.root}-away`, rig.root)
    rig.work.commit('one')
    rig.push()
    await until(() => rig.events.length >= 1, 'the commit')
    expect(rig.events).toEqual(['x.git refs/heads/main one'])
  })

  it('ends at once, whatever it is doing', async () => {
    const rig = new ScanRig()
    rig.clone()
    const scanner = await rig.start()
    rig.work.import(3000, { from: rig.work.head() })
    rig.push()
    await until(() => rig.events.length >= 1, 'the first')
    const began = performance.now()
    await scanner.stop()
    expect(performance.now() - began).toBeLessThan(2000)
    const { length } = rig.events
    await new Promise((resolve) => setImmediate(resolve))
    expect(rig.events).toHaveLength(length)
    expect(rig.errors).toEqual([])
  })
})
