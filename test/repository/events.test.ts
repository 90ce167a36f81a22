import { describe, expect, it } from 'vitest'
import { readCommit, keyOf } from '../../src/repository/event.ts'
import { type CommitEventJson, NONE, TestRepository } from './git-repository.ts'

function logs(events: readonly CommitEventJson[]): string[] {
  return events.map(({ log }) => log)
}

describe('a branch', () => {
  it('brings all commits of an update, oldest first', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() =>
      repository.import(50, { from: repository.head() }),
    )
    expect(logs(events)).toEqual(Array.from({ length: 50 }, (_, n) => `c${n + 1}`))
    expect(new Set(events.map(({ ref }) => ref))).toEqual(new Set(['refs/heads/main']))
  })

  it('has no commit before its parents, whatever the clocks said', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const made = (message: string, time: number, ...parents: string[]): string => {
      const args = [
        'commit-tree',
        'HEAD^{tree}',
        '-m',
        message,
        ...parents.flatMap((p) => ['-p', p]),
      ]
      return repository.git(args, { GIT_COMMITTER_DATE: `${1_795_209_000 + time} +0000` })
    }
    const events = await repository.eventsFrom(() => {
      const parent = made('parent', 900, repository.head())
      const child = made('child', 800, parent)
      repository.git(['update-ref', 'refs/heads/main', made('merge', 950, child, parent)])
    })
    expect(logs(events)).toEqual(['parent', 'child', 'merge'])
  })

  it('that is created is told first, with all commits of a first push', async () => {
    const repository = new TestRepository()
    const events = await repository.eventsFrom(() => {
      repository.commit('one')
      repository.commit('two')
    })
    expect(events[0]).toEqual({
      repository: 'git-prop-edit',
      project: 'repo',
      ref: 'refs/heads/main',
      type: 'branch',
      action: 'created',
      log: 'New branch: main',
      author: 'Ada',
      email: 'ada@example.org',
      files: '(prop-edit)',
      revision: '',
      old: NONE,
      new: repository.head(),
    })
    expect(logs(events.slice(1))).toEqual(['one', 'two'])
    expect(events[1]).toMatchObject({ parents: [], status: [{ path: 'one', status: 'added' }] })
  })

  it('that is created brings only commits that no other ref had', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.git(['branch', 'same'])
      repository.git(['checkout', '-qb', 'topic'])
      repository.commit('second')
    })
    expect(logs(events)).toEqual(['New branch: same', 'New branch: topic', 'second'])
    expect(events[2]?.ref).toBe('refs/heads/topic')
  })

  it('that is created while another moves to the same commits has them too', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.commit('second')
      repository.git(['branch', 'twin'])
    })
    expect(events.map(({ ref, log }) => [ref, log])).toEqual([
      ['refs/heads/main', 'second'],
      ['refs/heads/twin', 'New branch: twin'],
      ['refs/heads/twin', 'second'],
    ])
  })

  it('that is renamed brings no commits', async () => {
    const repository = new TestRepository()
    repository.import(3)
    const events = await repository.eventsFrom(() =>
      repository.git(['branch', '-m', 'main', 'trunk']),
    )
    expect(logs(events)).toEqual(['Deleted branch: main', 'New branch: trunk'])
  })

  it('that is deleted is told alone', async () => {
    const repository = new TestRepository()
    const hash = repository.commit('first')
    repository.git(['branch', 'old'])
    const events = await repository.eventsFrom(() => repository.git(['branch', '-D', 'old']))
    expect(events).toMatchObject([
      { log: 'Deleted branch: old', action: 'deleted', type: 'branch', old: hash, new: NONE },
    ])
    expect(events[0]).not.toHaveProperty('author')
  })

  it('that is rewritten is told first', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const old = repository.commit('bad')
    const events = await repository.eventsFrom(() => {
      repository.git(['reset', '-q', '--hard', 'HEAD~1'])
      repository.commit('good')
    })
    const hash = repository.head()
    const log = `Branch main was rewritten: ${old.slice(0, 7)} → ${hash.slice(0, 7)}`
    expect(events).toMatchObject([
      { log, action: 'rewritten', old, new: hash, forced: true },
      { log: 'good', forced: true },
    ])
    expect(events).toHaveLength(2)
  })

  it('that is put back is told alone', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    repository.commit('second')
    const events = await repository.eventsFrom(() =>
      repository.git(['reset', '-q', '--hard', 'HEAD~1']),
    )
    expect(events).toMatchObject([{ action: 'rewritten', forced: true }])
  })

  it('brings a merge with what it changed on the first parent, and what was merged', async () => {
    const repository = new TestRepository()
    repository.commit('base')
    const events = await repository.eventsFrom(() => {
      repository.git(['checkout', '-q', '--detach'])
      repository.commit('side')
      const side = repository.head()
      repository.git(['checkout', '-q', 'main'])
      repository.commit('main')
      repository.git(['merge', '-q', side, '-m', 'merged'])
    })
    expect(logs(events).sort()).toEqual(['main', 'merged', 'side'])
    const merge = events.at(-1)
    expect(merge).toMatchObject({ log: 'merged', files: ['side'] })
    expect(merge?.['parents']).toHaveLength(2)
  })

  it('brings a merge of several', async () => {
    const repository = new TestRepository()
    repository.commit('base')
    const events = await repository.eventsFrom(() => {
      for (const name of ['a', 'b', 'c']) {
        repository.git(['checkout', '-q', '--detach', 'main'])
        repository.commit(name)
        repository.git(['tag', name])
      }
      repository.git(['checkout', '-q', 'main'])
      repository.commit('main')
      repository.git(['merge', '-q', 'a', 'b', 'c', '-m', 'octopus'])
    })
    const merge = events.find(({ log }) => log === 'octopus')
    expect(merge).toMatchObject({ files: ['a', 'b', 'c'], ref: 'refs/heads/main' })
    expect(merge?.['parents']).toHaveLength(4)
  })

  it('may have a name that is not UTF-8', async () => {
    const repository = new TestRepository()
    const hash = repository.commit('first')
    const input = Buffer.from(`create refs/heads/n\xe9 ${hash}\n`, 'latin1')
    const events = await repository.eventsFrom(() =>
      repository.git(['update-ref', '--stdin'], {}, input),
    )
    expect(logs(events)).toEqual(['New branch: n\ufffd'])
    const created = await repository.refs()
    expect([...created.keys()]).toContain('refs/heads/n\xe9')
  })

  it('moves from a commit that is no longer there', async () => {
    const repository = new TestRepository()
    const hash = repository.commit('first')
    const events = await repository.eventsOf([
      { old: '1'.repeat(40), new: hash, ref: 'refs/heads/main' },
    ])
    expect(logs(events)).toEqual([
      `Branch main was rewritten: 1111111 → ${hash.slice(0, 7)}`,
      'first',
    ])
  })
})

describe('a repository of SHA-256', () => {
  it('is like any other', async () => {
    const repository = new TestRepository(undefined, '--object-format=sha256')
    const events = await repository.eventsFrom(() => repository.commit('first'))
    expect(events).toMatchObject([
      { action: 'created', old: '0'.repeat(64) },
      { hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string, log: 'first' },
    ])
  })
})

describe('a tag', () => {
  it('is told alone where a branch has its commit', async () => {
    const repository = new TestRepository()
    const hash = repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.git(['tag', 'light'])
      repository.git(['tag', '-a', 'heavy', '-m', 'Version 1\n\nBody'])
    })
    expect(events).toEqual([
      expect.objectContaining({
        log: 'New tag: heavy',
        type: 'tag',
        author: 'Grace',
        new: repository.head('heavy'),
        target: hash,
        message: 'Version 1\n\nBody',
      }),
      expect.objectContaining({ log: 'New tag: light', new: hash, author: 'Ada' }),
    ])
    expect(events[0]?.['new']).not.toBe(hash)
  })

  it('is told alone where the branch comes with the same push', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.commit('second')
      repository.git(['tag', 'v1'])
    })
    expect(logs(events)).toEqual(['second', 'New tag: v1'])
  })

  it('brings the commits that only it has', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() => {
      repository.git(['checkout', '-q', '--detach'])
      repository.commit('loose')
      repository.git(['tag', '-a', 'v1', '-m', 'v1'])
    })
    expect(events.map(({ log, ref }) => [log, ref])).toEqual([
      ['New tag: v1', 'refs/tags/v1'],
      ['loose', 'refs/tags/v1'],
    ])
  })

  it('may be moved, deleted, and point to no commit', async () => {
    const repository = new TestRepository()
    const one = repository.commit('one')
    repository.git(['tag', 'moved'])
    repository.git(['tag', 'gone'])
    const two = repository.commit('two')
    const events = await repository.eventsFrom(() => {
      repository.git(['tag', '-d', 'gone'])
      repository.git(['tag', '-f', 'moved'])
      repository.git(['tag', 'blob', 'HEAD:one'])
      repository.git(['tag', '-a', 'tree', '-m', 'x', 'HEAD^{tree}'])
    })
    expect(logs(events)).toEqual([
      'Deleted tag: gone',
      'New tag: blob',
      `Tag moved was rewritten: ${one.slice(0, 7)} → ${two.slice(0, 7)}`,
      'New tag: tree',
    ])
  })

  it('comes with hundreds of others in a moment', async () => {
    const repository = new TestRepository()
    repository.import(400)
    const names = repository.git(['rev-list', 'main']).split('\n')
    const input = names.map((hash, n) => `create refs/tags/t${n} ${hash}\n`).join('')
    let began = 0
    const events = await repository.eventsFrom(() => {
      repository.git(['update-ref', '--stdin'], {}, input)
      began = performance.now()
    })
    expect(events).toHaveLength(400)
    expect(performance.now() - began).toBeLessThan(1500)
  })
})

describe('another ref', () => {
  it('brings its commits, and no word of its own', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const events = await repository.eventsFrom(() =>
      repository.git(['notes', 'add', '-m', 'a note']),
    )
    expect(events).toMatchObject([{ repository: 'git', ref: 'refs/notes/commits' }])
  })
})

describe('a large push', () => {
  it('is told as a summary and the newest commits, within two seconds', async () => {
    const repository = new TestRepository()
    const old = repository.commit('first')
    const hash = repository.import(5000, { from: old })
    const began = performance.now()
    const events = await repository.eventsOf([{ old, new: hash, ref: 'refs/heads/main' }])
    expect(performance.now() - began).toBeLessThan(2000)
    expect(events[0]).toMatchObject({
      repository: 'git-prop-edit',
      action: 'summary',
      subject: '5000 commits pushed to main',
      log: '5000 commits pushed to main; the last 100 follow',
      commits: 5000,
      omitted: 4900,
      old,
      new: hash,
    })
    expect(logs(events.slice(1))).toEqual(Array.from({ length: 100 }, (_, n) => `c${n + 4901}`))
  })

  it('that creates the branch has a key for each of its events', async () => {
    const repository = new TestRepository()
    const hash = repository.import(1200)
    const change = { old: NONE, new: hash, ref: 'refs/heads/main' }
    const events = await repository.eventsOf([change], { maxCommits: 2 })
    expect(logs(events)).toEqual([
      'New branch: main',
      '1200 commits pushed to main; the last 2 follow',
      'c1199',
      'c1200',
    ])
    const keys = events.map((commit) => keyOf(readCommit({ commit }) ?? expect.fail()))
    expect(new Set(keys).size).toBe(4)
  })

  it('is read whole when it may be', async () => {
    const repository = new TestRepository()
    const change = { old: NONE, new: repository.import(5000), ref: 'refs/heads/main' }
    const began = performance.now()
    expect(await repository.eventsOf([change], { maxCommits: 10_000 })).toHaveLength(5001)
    expect(performance.now() - began).toBeLessThan(4000)
  })
})

describe('git that fails', () => {
  it('still lets the refs be told', async () => {
    const repository = new TestRepository()
    repository.commit('first')
    const problems: unknown[] = []
    const one = '1'.repeat(40)
    const changes = [
      { old: NONE, new: one, ref: 'refs/heads/new' },
      { old: '2'.repeat(40), new: one, ref: 'refs/heads/moved' },
      { old: one, new: NONE, ref: 'refs/heads/gone' },
    ]
    repository.git(['config', 'core.repositoryFormatVersion', '99'])
    const events = await repository.eventsOf(changes, {
      onProblem: (error) => problems.push(error),
    })
    expect(logs(events)).toEqual([
      'New branch: new',
      'Commits pushed to new; they could not be read',
      'Commits pushed to moved; they could not be read',
      'Deleted branch: gone',
    ])
    expect(String(problems[0])).toMatch(/^GitError: git cat-file: .*version/)
  })

  it('is given up when it takes too long', async () => {
    const repository = new TestRepository()
    const change = { old: NONE, new: repository.import(200), ref: 'refs/heads/main' }
    const problems: unknown[] = []
    const events = await repository.eventsOf([change], {
      timeout: 0,
      onProblem: (error) => problems.push(error),
    })
    expect(logs(events)[0]).toBe('New branch: main')
    expect(String(problems[0])).toContain('no time left')
  })
})
