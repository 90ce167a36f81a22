/** Real pushes to a bare repository: with the hook, with scanning, and with both. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MAIN, Running } from '../cli/cli-program.ts'
import { EventsClient } from '../protocols/events/events-client.ts'
import { FeedClient, type FeedTest, startFeed } from '../protocols/feed/feed-client.ts'
import { GIT_ENV, TestRepository, temporaryFolder } from '../repository/git-repository.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',').includes('git')

type Way = 'hook' | 'scan' | 'hook and scan'

/** A server, a bare repository that it hears of, a working copy, and somebody at three doors. */
class Forge {
  readonly server: FeedTest
  readonly work: TestRepository
  readonly bare: string
  readonly #feed: FeedClient
  readonly #events: EventsClient
  readonly #watch: Running
  #shown = 0

  private constructor(
    server: FeedTest,
    work: TestRepository,
    bare: string,
    clients: { feed: FeedClient; events: EventsClient; watch: Running },
  ) {
    this.server = server
    this.work = work
    this.bare = bare
    this.#feed = clients.feed
    this.#events = clients.events
    this.#watch = clients.watch
  }

  static async start(way: Way): Promise<Forge> {
    const folder = temporaryFolder()
    const bare = join(folder, 'repositories/hello.git')
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', bare], { env: GIT_ENV })
    const scan = `{ rootFolder: ${join(folder, 'repositories')}, state: ${join(folder, 'scan.json')}, interval: 100ms }`
    const server = await startFeed('stillalive: 0', way === 'hook' ? '' : `scan: ${scan}`)
    if (way !== 'scan') {
      const url = `http://127.0.0.1:${server.feedPort}/json`
      const install = new Running(process.execPath, [MAIN, 'hook', 'install', bare, '--url', url])
      expect(await install.ended(), install.stderr).toBe(0)
    }
    const feed = await FeedClient.open(server.feedPort, '/json/*')
    const events = await EventsClient.follow(server.port, '/events/json')
    const watch = new Running(process.execPath, [MAIN, 'watch', 'json', '-s', server.url])
    const channel = 'json' as never
    await until(() => server.server.hub().receivers(channel) === 3, 'all three listen')
    const work = new TestRepository(join(folder, 'work'))
    return new Forge(server, work, bare, { feed, events, watch })
  }

  /** Not at once: the hook waits for the server, which lives in this process. */
  async push(...args: string[]): Promise<void> {
    const git = new Running('git', ['-C', this.work.path, 'push', '-q', this.bare, ...args], {
      env: GIT_ENV,
    })
    expect(await git.ended(), git.stderr).toBe(0)
  }

  /** Takes so many events at each door; they must agree. @returns `action-or-commit ref subject` */
  async heard(count: number): Promise<string[]> {
    const lines = await this.#feed.lines(count)
    const told: string[] = []
    for (const line of lines) {
      const { commit } = JSON.parse(line) as { commit: Record<string, string> }
      told.push(`${commit['ref']?.replace('refs/', '')} ${commit['subject'] ?? commit['log']}`)
      expect(commit['project']).toBe('hello.git')
      const text = (await this.#events.block()).data
      const subject = commit['subject'] ?? commit['log'] ?? ''
      expect(text).toContain(subject)
      await this.#watch.printed(++this.#shown)
      expect(this.#watch.lines[this.#shown - 1]).toContain(text)
    }
    return told
  }

  /** A commit by itself: whatever had come unexpectedly would stand before it. */
  async nothingMore(): Promise<void> {
    this.work.git(['checkout', '-q', 'main'])
    this.work.commit('the last')
    await this.push('main')
    expect(await this.heard(1)).toEqual(['heads/main the last'])
  }
}

const WAYS: readonly Way[] = ['hook', 'scan', 'hook and scan']

describe.skipIf(missing).each(WAYS)('git push, heard by %s', (way) => {
  it('of one commit, 50 commits, a merge, a tag, a deletion and a rewrite', async () => {
    const forge = await Forge.start(way)
    const { work } = forge

    work.commit('one')
    await forge.push('main')
    expect(await forge.heard(2)).toEqual(['heads/main New branch: main', 'heads/main one'])

    for (let n = 1; n <= 50; n++) work.commit(`commit ${n}`)
    await forge.push('main')
    expect(await forge.heard(50)).toEqual(
      Array.from({ length: 50 }, (_, n) => `heads/main commit ${n + 1}`),
    )

    work.git(['checkout', '-q', '-b', 'topic'])
    work.commit('on the topic')
    await forge.push('topic')
    expect(await forge.heard(2)).toEqual([
      'heads/topic New branch: topic',
      'heads/topic on the topic',
    ])

    work.git(['checkout', '-q', 'main'])
    work.git(['merge', '-q', '--no-ff', '-m', 'Merge the topic', 'topic'])
    await forge.push('main')
    expect(await forge.heard(2)).toEqual(['heads/main on the topic', 'heads/main Merge the topic'])

    work.git(['tag', '-a', 'v1', '-m', 'Version 1'])
    await forge.push('v1')
    expect(await forge.heard(1)).toEqual(['tags/v1 New tag: v1'])

    await forge.push('--delete', 'topic')
    expect(await forge.heard(1)).toEqual(['heads/topic Deleted branch: topic'])

    work.git(['reset', '-q', '--hard', 'HEAD~1'])
    work.commit('another way')
    await forge.push('--force', 'main')
    expect(await forge.heard(2)).toEqual([
      expect.stringMatching(/^heads\/main Branch main was rewritten: \w{7} → \w{7}$/),
      'heads/main another way',
    ])
    await forge.nothingMore()
  }, 120_000)
})

it.skipIf(missing)('a server that was down hears of a push by the next one, in order', async () => {
  const forge = await Forge.start('hook')
  const { work, bare } = forge
  const url = execFileSync('git', ['-C', bare, 'config', 'fanfare.url'], { encoding: 'utf8' })
  work.git(['config', '--file', join(bare, 'config'), 'fanfare.url', 'http://127.0.0.1:9/json'])
  work.commit('missed')
  await forge.push('main')
  work.git(['config', '--file', join(bare, 'config'), 'fanfare.url', url.trim()])
  work.commit('heard')
  await forge.push('main')
  expect(await forge.heard(3)).toEqual([
    'heads/main New branch: main',
    'heads/main missed',
    'heads/main heard',
  ])
})
