/** GitPubSub's clients and hooks, in programs that nobody here wrote: curl, Lua, Python. */
import { describe, expect, it } from 'vitest'
import { Running } from '../cli/cli-program.ts'
import { FeedClient, startFeed } from '../protocols/feed/feed-client.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')
const PROGRAMS = 'test/interop/programs'

describe('curl', () => {
  it.each([
    ['-d', ['-d', '{"a":1}']],
    ['a PUT with a final newline', ['-X', 'PUT', '--data-binary', '{"a":1}\n']],
    ['chunks', ['-H', 'Transfer-Encoding: chunked', '-d', '{"a":1}']],
    ['a form type that does not matter', ['-H', 'Content-Type: text/plain', '-d', '{"a":1}']],
  ])('posts with %s, and curl -N hears', async (_, args) => {
    const { feedPort, server } = await startFeed('stillalive: 0')
    const url = `http://127.0.0.1:${feedPort}`
    const listener = new Running('curl', ['-sN', `${url}/json/*`])
    await until(() => server.hub().receivers('json' as never) === 1, 'curl listens')
    const publisher = new Running('curl', ['-s', '-w', '%{http_code}', ...args, `${url}/json`])
    expect(await publisher.ended()).toBe(0)
    expect(publisher.stdout).toBe('Message sent!\r\n200')
    expect(await listener.printed(1)).toEqual(['{"a":1}\r'])
  })

  it('posts a megabyte, asking first whether it may go on', async () => {
    const { feedPort } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/json')
    const large = JSON.stringify('x'.repeat(2 ** 20))
    const url = `http://127.0.0.1:${feedPort}/json`
    const publisher = new Running('curl', ['-s', '--data-binary', '@-', url], { stdin: large })
    await publisher.ended()
    expect(publisher.stdout).toBe('Message sent!\r\n')
    expect(await client.line()).toBe(large)
  })

  it('gets the statistics with -I, and comes back with X-Fetch-Since', async () => {
    const { feedPort } = await startFeed('stillalive: 0')
    const url = `http://127.0.0.1:${feedPort}/json`
    const posted = new Running('curl', ['-si', '-d', '[1]', url])
    await posted.ended()
    const time = /X-Timestamp: (\d+)/.exec(posted.stdout)?.[1]
    const statistics = new Running('curl', ['-sI', url])
    expect(await statistics.ended()).toBe(0)
    expect(statistics.stdout).toContain('X-Total-Connections: 2')
    const listener = new Running('curl', ['-sN', '-H', `X-Fetch-Since: ${time}`, url])
    expect(await listener.printed(1)).toEqual(['[1]\r'])
  })
})

describe.skipIf(missing.includes('Lua'))("Lua, as the original's hook", () => {
  const commit = ['hello.git', 'c0ffee', 'Mona "the" Cat', 'Say hello\n\nAt length.']

  it.each(['away', 'half'])('posts a line without a length and goes: %s', async (how) => {
    const { feedPort } = await startFeed('stillalive: 0')
    const client = await FeedClient.open(feedPort, '/json')
    const args = ['127.0.0.1', String(feedPort), ...commit, how]
    const hook = new Running('lua5.1', [`${PROGRAMS}/feed-hook.lua`, ...args])
    expect(await hook.ended()).toBe(0)
    expect(hook.stdout).toBe(how === 'half' ? 'HTTP/1.1 200 OK\n' : '')
    expect(JSON.parse(await client.line())).toEqual({
      commit: {
        repository: 'git',
        project: 'hello.git',
        ref: 'refs/heads/master',
        hash: 'c0ffee',
        author: 'Mona "the" Cat',
        log: 'Say hello\n\nAt length.',
        files: ['a/b', 'c'],
        changes: '2 files',
      },
    })
  })
})

describe("Python's standard library", () => {
  it('posts as the original hook does, and a reader by lines hears all in order', async () => {
    const { feedPort, server } = await startFeed('stillalive: 30ms')
    const url = `http://127.0.0.1:${feedPort}/json/*`
    const consumer = new Running('python3', [`${PROGRAMS}/feed-consumer.py`, url])
    await until(() => server.hub().receivers('json' as never) === 1, 'it listens')
    for (let n = 1; n <= 3; n++) {
      const commit = JSON.stringify({ n, files: ['a'], ...(n === 3 ? { last: true } : {}) })
      const args = ['127.0.0.1', String(feedPort), commit]
      const hook = new Running('python3', [`${PROGRAMS}/feed-hook.py`, ...args])
      expect(await hook.ended()).toBe(0)
      expect(hook.stdout).toMatch(/^200 \d{10} Message sent!\n$/)
    }
    expect(await consumer.ended()).toBe(0)
    // An empty line anywhere, or a stillalive that is none, would have ended it before.
    expect(consumer.lines).toEqual([
      '{"files": ["a"], "n": 1}',
      '{"files": ["a"], "n": 2}',
      '{"files": ["a"], "last": true, "n": 3}',
    ])
  })
})
