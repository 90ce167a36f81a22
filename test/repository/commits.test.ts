import { describe, expect, it } from 'vitest'
import { TestRepository } from './git-repository.ts'

describe('a commit', () => {
  it('has all its fields', async () => {
    const repository = new TestRepository()
    const first = repository.commit('first')
    const events = await repository.eventsFrom(() =>
      repository.commit('Subject\n\nBody "quoted"\ttab\n', { 'a.txt': '1' }),
    )
    const hash = repository.head()
    expect(events).toEqual([
      {
        repository: 'git',
        project: 'repo',
        ref: 'refs/heads/main',
        hash,
        shortHash: hash.slice(0, 7),
        parents: [first],
        author: 'Ada',
        email: 'ada@example.org',
        date: 'Fri Nov 20 23:20:13 2026 +0200',
        authored: '2026-11-20T23:20:13+02:00',
        committer: 'Grace',
        committerEmail: 'grace@example.org',
        committed: expect.stringMatching(/^2026-11-20T21:21:40(?:\+00:00|Z)$/) as string,
        timestamp: 1_795_209_700,
        subject: 'Subject',
        log: 'Subject\n\nBody "quoted"\ttab',
        changes: 'a.txt',
        files: ['a.txt'],
        status: [{ path: 'a.txt', status: 'added' }],
      },
    ])
  })

  it('tells what happened to each file', async () => {
    const repository = new TestRepository()
    const long = 'one\ntwo\nthree\nfour\nfive\n'
    repository.commit('first', { gone: 'x', moved: long, changed: '1', same: 's' })
    const [event] = await repository.eventsFrom(() => {
      repository.git(['rm', '-q', 'gone'])
      repository.git(['mv', 'moved', 'there'])
      repository.git(['rm', '-q', 'same'])
      repository.git(['config', 'diff.renames', 'false'])
      repository.write('changed', '2')
      repository.git([
        'update-index',
        '--add',
        '--cacheinfo',
        `120000,${repository.git(['hash-object', '-w', 'changed'])},same`,
      ])
      repository.git(['add', 'changed'])
      repository.git(['commit', '-q', '-m', 'second'])
    })
    expect(event).toMatchObject({
      changes: '4 files',
      files: ['changed', 'gone', 'same', 'there'],
      status: [
        { path: 'changed', status: 'modified' },
        { path: 'gone', status: 'deleted' },
        { path: 'same', status: 'type' },
        { path: 'there', status: 'renamed', from: 'moved' },
      ],
    })
  })

  it('may have changed nothing', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.commit('nothing', {})
      repository.commit('something', { a: '1' })
    })
    expect(events).toMatchObject([
      { log: 'nothing', changes: '0 files', files: [], status: [] },
      { log: 'something', changes: 'a', files: ['a'] },
    ])
  })

  it('has paths of any bytes but NUL', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const blob = repository.git(['hash-object', '-w', '--stdin'], {}, 'x')
    const index = Buffer.concat([
      Buffer.from(`100644 ${blob}\tquote"\nline\ttab\0`),
      Buffer.from(`100644 ${blob}\t:100644 é\0`),
      Buffer.from(`100644 ${blob}\tlatin\xe9\0`, 'latin1'),
    ])
    const [event] = await repository.eventsFrom(() => {
      repository.git(['update-index', '-z', '--index-info'], {}, index)
      repository.git(['commit', '-q', '-m', 'odd'])
    })
    expect(event?.['files']).toEqual([':100644 é', 'latin\ufffd', 'quote"\nline\ttab'])
  })

  it('has its author and message in UTF-8, whatever they were written in', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const commitRaw = (encoding: string): string => {
      const tree = repository.head('HEAD^{tree}')
      const text = `tree ${tree}\nparent ${repository.head()}\nauthor J\xe9 <j@x> 1 +0000\ncommitter J\xe9 <j@x> 1 +0000\n${encoding}\nn\xefd "\x07\n`
      const hash = repository.git(
        ['hash-object', '-t', 'commit', '-w', '--stdin'],
        {},
        Buffer.from(text, 'latin1'),
      )
      repository.git(['update-ref', 'refs/heads/main', hash])
      return hash
    }
    const events = await repository.eventsFrom(() => {
      commitRaw('encoding ISO-8859-1\n')
      commitRaw('')
    })
    expect(events).toMatchObject([
      { author: 'Jé', log: 'nïd "\x07' },
      { author: 'J\ufffd', log: 'n\ufffdd "\x07' },
    ])
  })

  it('is not changed by the configuration of the user', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const settings = [
      'log.showSignature=true',
      'log.date=relative',
      'diff.orderFile=/x',
      'color.ui=always',
      'diff.noprefix=true',
      'core.quotePath=true',
      'i18n.logOutputEncoding=latin1',
      'log.showRoot=false',
      'format.pretty=oneline',
      'diff.submodule=log',
    ]
    const [event] = await repository.eventsFrom(() => {
      repository.commit('é')
      for (const setting of settings) repository.git(['config', ...setting.split('=')])
    })
    expect(event).toMatchObject({ log: 'é', files: ['é'], date: 'Fri Nov 20 23:20:13 2026 +0200' })
  })

  it('is cut where it is too large', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`f${n}`, 'x']))
    const [event] = await repository.eventsFrom(() => repository.commit('é'.repeat(600), many), {
      maxFiles: 10,
      maxMessageBytes: 1001,
    })
    expect(event).toMatchObject({ omittedFiles: 2, changes: '12 files', truncated: true })
    expect(event?.['files']).toHaveLength(10)
    expect(event?.log).toBe('é'.repeat(500))
    expect(event?.['subject']).toBe(`${'é'.repeat(500)}…`)
  })

  it('names a bounded length of paths', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const folders = `${'d'.repeat(200)}/`.repeat(15)
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`${folders}${n}`, 'x']))
    const [event] = await repository.eventsFrom(() => repository.commit('long', many))
    const files = event?.['files'] as string[]
    expect(files.join('').length).toBeGreaterThan(50_000)
    expect(files.join('').length).toBeLessThanOrEqual(65_536)
    expect(event?.['omittedFiles']).toBe(40 - files.length)
  })
})
