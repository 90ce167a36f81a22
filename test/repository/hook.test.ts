import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type RunOptions, run } from '../cli/cli-program.ts'
import { deadUrl, FakeFeed, logOf } from './fake-feed.ts'
import { GIT_ENV, NONE, TestRepository } from './git-repository.ts'

const REF = 'refs/heads/main'

/** The hook as git runs it: in the repository, with lines on standard input. */
function hook(
  repository: TestRepository,
  changes: string,
  args: readonly string[] = [],
  options: RunOptions & { readonly hurried?: boolean } = {},
): ReturnType<typeof run> {
  const env = { ...GIT_ENV, GIT_DIR: join(repository.path, '.git'), ...options.env }
  // Not the time is tested, except where it is: a busy machine may take its own.
  const patient = options.hurried ? [] : ['--timeout', '30s']
  return run(['hook', 'post-receive', ...patient, ...args], { stdin: changes, ...options, env })
}

function flush(repository: TestRepository, url: string): ReturnType<typeof run> {
  const env = { ...GIT_ENV, GIT_DIR: join(repository.path, '.git') }
  return run(['hook', 'flush', '--url', url], { env })
}

function inGit(repository: TestRepository, name: string): string {
  return join(repository.path, '.git', name)
}

function spooled(repository: TestRepository): string[] {
  const path = inGit(repository, 'fanfare-spool.jsonl')
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').map(logOf) : []
}

/** What of ours is in the git folder. */
function leftovers(repository: TestRepository): string[] {
  return readdirSync(join(repository.path, '.git')).filter((name) => name.startsWith('fanfare-'))
}

/** Commits, and gives the line that git would give the hook. */
function push(repository: TestRepository, message: string): string {
  const before = repository.head()
  return `${before} ${repository.commit(message)} ${REF}\n`
}

function repositoryWithOne(): TestRepository {
  const repository = new TestRepository()
  repository.commit('first')
  return repository
}

describe('fanfare hook post-receive', () => {
  it('posts the events of a push as lines of JSON, and says nothing', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const old = repository.head()
    repository.commit('second')
    const hash = repository.commit('third')
    const changes = `${old} ${hash} ${REF}\n${NONE} ${hash} refs/tags/v1\n`
    const result = await hook(repository, changes, ['--url', feed.url])
    expect(result).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(feed.posts).toHaveLength(1)
    expect(feed.posts[0]?.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'fanfare-key': 'event',
      'content-length': expect.stringMatching(/^\d+$/) as string,
    })
    expect(feed.logs).toEqual(['second', 'third', 'New tag: v1'])
    expect(JSON.parse(feed.posts[0]?.lines[0] ?? '')).toMatchObject({
      commit: { project: 'repo', ref: REF },
    })
    expect(leftovers(repository)).toEqual([])
  })

  it('takes one change as arguments, and leaves standard input alone', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const [old = '', hash = ''] = push(repository, 'second').split(' ')
    await hook(repository, 'nonsense', [old, hash, REF, '--url', feed.url])
    expect(feed.logs).toEqual(['second'])
  })

  it('takes url and project from the configuration of git, before the environment', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const env = { FANFARE_FEED_URL: feed.url }
    await hook(repository, push(repository, 'by environment'), [], { env })
    repository.git(['config', 'fanfare.url', feed.url])
    repository.git(['config', 'fanfare.project', 'my project'])
    const elsewhere = { FANFARE_FEED_URL: await deadUrl() }
    await hook(repository, push(repository, 'by git'), [], { env: elsewhere })
    expect(feed.logs).toEqual(['by environment', 'by git'])
    expect(feed.posts[1]?.lines[0]).toContain('"project":"my project"')
  })

  it('takes its other options from the configuration of git too', async () => {
    const feed = await FakeFeed.start()
    feed.answer = () => undefined
    const repository = repositoryWithOne()
    repository.git(['config', 'fanfare.timeout', '2500ms'])
    repository.git(['config', 'fanfare.maxCommits', '3'])
    const old = repository.head()
    const hash = repository.import(5, { from: old })
    const args = ['--url', feed.url]
    const changes = `${old} ${hash} ${REF}\n`
    const { stderr } = await hook(repository, changes, args, { hurried: true })
    expect(stderr).toContain('took too long; 4 events kept')
    expect(spooled(repository)).toEqual([
      '5 commits pushed to main; the last 3 follow',
      'c3',
      'c4',
      'c5',
    ])
  })

  it('keeps what it could not send as the URL is none', async () => {
    const repository = repositoryWithOne()
    repository.git(['config', 'fanfare.url', 'localhost:2069'])
    const { stderr } = await hook(repository, push(repository, 'one'))
    expect(stderr).toContain('not an http: or https: URL: localhost:2069; 1 event kept')
    expect(spooled(repository)).toEqual(['one'])
  })

  it('sends as many requests as it takes', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const old = repository.head()
    const hash = repository.import(1200, { from: old })
    await hook(repository, `${old} ${hash} ${REF}\n`, ['--url', feed.url, '--max-commits', '5000'])
    expect(feed.posts.map(({ lines }) => lines.length)).toEqual([500, 500, 200])
    expect(feed.logs).toEqual(Array.from({ length: 1200 }, (_, n) => `c${n + 1}`))
  })

  it('keeps what it cannot send, says so in one line, and sends it first the next time', async () => {
    const repository = repositoryWithOne()
    const url = await deadUrl()
    const result = await hook(repository, push(repository, 'one'), ['--url', url])
    expect(result).toEqual({
      code: 0,
      stdout: '',
      stderr: `fanfare: ${url} cannot be reached: nothing listens there; 1 event kept in ${inGit(repository, 'fanfare-spool.jsonl')} for the next push\n`,
    })
    await hook(repository, push(repository, 'two'), ['--url', url])
    expect(spooled(repository)).toEqual(['one', 'two'])
    const feed = await FakeFeed.start()
    const after = await hook(repository, push(repository, 'three'), ['--url', feed.url])
    expect(after.stderr).toBe('')
    expect(feed.logs).toEqual(['one', 'two', 'three'])
    expect(leftovers(repository)).toEqual([])
  })

  it.each([403, 500, 302])('keeps what is answered with %d', async (status) => {
    const feed = await FakeFeed.start()
    feed.answer = () => status
    const repository = repositoryWithOne()
    const { code, stderr } = await hook(repository, push(repository, 'one'), ['--url', feed.url])
    expect(code).toBe(0)
    expect(stderr).toContain(`answered ${status}: Not you; 1 event kept`)
    expect(spooled(repository)).toEqual(['one'])
  })

  it('waits for a silent server until its time is over, and no longer', async () => {
    const feed = await FakeFeed.start()
    feed.answer = () => undefined
    const repository = repositoryWithOne()
    const old = repository.head()
    const hash = repository.import(400, { from: old })
    const began = performance.now()
    const args = ['--url', feed.url, '--timeout', '2500ms', '--max-commits', '9999']
    const { code, stderr } = await hook(repository, `${old} ${hash} ${REF}\n`, args)
    const took = performance.now() - began
    expect(code).toBe(0)
    expect(stderr).toContain('took too long; 400 events kept')
    expect(took).toBeGreaterThan(2300)
    expect(took).toBeLessThan(2500 + 2500)
    expect(spooled(repository)).toHaveLength(400)
  })

  it('keeps the rest, in order, when the server dies between', async () => {
    const repository = repositoryWithOne()
    const url = await deadUrl()
    const old = repository.head()
    const hash = repository.import(1200, { from: old })
    const many = ['--max-commits', '9999']
    await hook(repository, `${old} ${hash} ${REF}\n`, ['--url', url, ...many])
    const feed = await FakeFeed.start()
    feed.answer = () => (feed.posts.length < 1 ? 200 : 503)
    const result = await hook(repository, push(repository, 'last'), ['--url', feed.url])
    expect(result.stderr).toContain('701 events kept')
    expect(feed.logs.at(-1)).toBe('c500')
    expect(spooled(repository)[0]).toBe('c501')
    expect(spooled(repository).slice(-2)).toEqual(['c1200', 'last'])
  })

  it('puts aside what the server refuses, and sends the rest', async () => {
    const feed = await FakeFeed.start()
    feed.answer = (lines) => (lines.some((line) => logOf(line) === 'bad') ? 400 : 200)
    const repository = repositoryWithOne()
    const old = repository.head()
    for (const message of ['a', 'b', 'bad', 'c']) repository.commit(message)
    const changes = `${old} ${repository.head()} ${REF}\n`
    const { stderr } = await hook(repository, changes, ['--url', feed.url])
    expect(feed.logs).toEqual(['a', 'b', 'c'])
    expect(stderr).toMatch(/^fanfare: the server refused 1 event; see .*fanfare-spool\.rejected\n$/)
    const rejected = readFileSync(inGit(repository, 'fanfare-spool.rejected'), 'utf8')
    expect(logOf(rejected)).toBe('bad')
    expect(spooled(repository)).toEqual([])
  })

  it('puts aside a line of the spool that is no JSON', async () => {
    const feed = await FakeFeed.start()
    feed.answer = (lines) => (lines.some((line) => line.startsWith('{"half')) ? 400 : 200)
    const repository = repositoryWithOne()
    writeFileSync(inGit(repository, 'fanfare-spool.jsonl'), '{"half\n{"commit":{"log":"old"}}')
    await hook(repository, push(repository, 'new'), ['--url', feed.url])
    expect(feed.logs).toEqual(['old', 'new'])
    expect(readFileSync(inGit(repository, 'fanfare-spool.rejected'), 'utf8')).toBe('{"half\n')
  })

  it('keeps the events of pushes that come at once', async () => {
    const repository = repositoryWithOne()
    const url = await deadUrl()
    const pushes = Array.from({ length: 8 }, (_, n) => push(repository, `p${n}`))
    await Promise.all(pushes.map((change) => hook(repository, change, ['--url', url])))
    expect(spooled(repository).sort()).toEqual(pushes.map((_, n) => `p${n}`))
    expect(leftovers(repository)).toEqual(['fanfare-spool.jsonl'])
  })

  it('sends each event of the spool, whoever comes at once', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const kept = Array.from({ length: 50 }, (_, n) => `{"commit":{"log":"s${n}"}}\n`)
    writeFileSync(inGit(repository, 'fanfare-spool.jsonl'), kept.join(''))
    const pushes = Array.from({ length: 5 }, (_, n) => push(repository, `p${n}`))
    await Promise.all(pushes.map((change) => hook(repository, change, ['--url', feed.url])))
    expect(feed.logs.filter((log) => log.startsWith('s'))).toEqual(kept.map((_, n) => `s${n}`))
    expect(feed.logs.filter((log) => log.startsWith('p')).sort()).toEqual(
      pushes.map((_, n) => `p${n}`),
    )
    expect(leftovers(repository)).toEqual([])
  })

  it('takes over what a killed run held, when its time is over', async () => {
    const feed = await FakeFeed.start()
    const repository = repositoryWithOne()
    const held = (until: number, log: string): void => {
      const path = inGit(repository, `fanfare-spool.jsonl.${until}-0000-x.sending`)
      writeFileSync(path, `{"commit":{"log":"${log}"}}\n`)
    }
    held(Date.now() - 1, 'held')
    writeFileSync(inGit(repository, 'fanfare-spool.jsonl'), '{"commit":{"log":"spooled"}}\n')
    await hook(repository, push(repository, 'pushed'), ['--url', feed.url])
    expect(feed.logs).toEqual(['held', 'spooled', 'pushed'])
    held(Date.now() + 60_000, 'busy')
    await hook(repository, push(repository, 'again'), ['--url', feed.url])
    expect(feed.logs.slice(3)).toEqual(['again'])
    expect(leftovers(repository)).toHaveLength(1)
  })

  it('is not stopped by a lock that a killed run left', async () => {
    const repository = repositoryWithOne()
    const lock = inGit(repository, 'fanfare-spool.jsonl.lock')
    writeFileSync(lock, '')
    utimesSync(lock, 1, 1)
    await hook(repository, push(repository, 'one'), ['--url', await deadUrl()])
    expect(leftovers(repository)).toEqual(['fanfare-spool.jsonl'])
  })

  it('drops the oldest of a spool that is full', async () => {
    const repository = repositoryWithOne()
    const line = `{"commit":{"log":"${'x'.repeat(2 ** 20 - 24)}"}}\n`
    writeFileSync(inGit(repository, 'fanfare-spool.jsonl'), line.repeat(16))
    const url = await deadUrl()
    const { stderr } = await hook(repository, push(repository, 'one'), ['--url', url])
    expect(stderr).toContain('the spool is full: the oldest 1 event dropped')
    expect(spooled(repository)).toHaveLength(16)
    expect(spooled(repository).at(-1)).toBe('one')
  })

  it.each([
    ['a broken repository', (repository: TestRepository) => repository.write('.git/HEAD', 'x'), ''],
    ['a URL that is none', () => {}, '--url=nonsense'],
    ['an unknown option', () => {}, '--what'],
    ['a spool that cannot be written', () => {}, '--spool=/proc/nowhere/x'],
    ['a timeout that is none', () => {}, '--timeout=soon'],
  ])('ends with 0 and a word on standard error: %s', async (_, spoil, option) => {
    const repository = repositoryWithOne()
    const change = push(repository, 'one')
    spoil(repository)
    const url = await deadUrl()
    const args = option === '' ? ['--url', url] : ['--url', url, option]
    const { code, stderr, stdout } = await hook(repository, change, args)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).not.toBe('')
  })
})

describe('fanfare hook flush', () => {
  it('sends what is kept, and says how many', async () => {
    const repository = repositoryWithOne()
    await hook(repository, push(repository, 'one'), ['--url', await deadUrl()])
    const feed = await FakeFeed.start()
    expect(await flush(repository, feed.url)).toEqual({
      code: 0,
      stdout: '1 event sent\n',
      stderr: '',
    })
    expect(feed.logs).toEqual(['one'])
    expect((await flush(repository, feed.url)).stdout).toBe('0 events sent\n')
  })

  it('keeps what it cannot send, and fails', async () => {
    const repository = repositoryWithOne()
    const url = await deadUrl()
    await hook(repository, push(repository, 'one'), ['--url', url])
    const { code, stdout, stderr } = await flush(repository, url)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '0 events sent, 1 left\n' })
    expect(stderr).toContain('nothing listens there')
    expect(spooled(repository)).toEqual(['one'])
  })
})
