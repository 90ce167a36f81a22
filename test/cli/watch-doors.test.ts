/** `fanfare watch` by the protocols that are not HTTP: what a user sees. */
import { describe, expect, it } from 'vitest'
import { startRedisDoor } from '../client/redis-server.ts'
import { publish } from '../protocols/events/events-client.ts'
import { post, startFeed } from '../protocols/feed/feed-client.ts'
import { startSparkleshare } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { fanfare, run } from './cli-program.ts'

describe('fanfare watch', () => {
  it('shows a commit of a feed as a line, and with --json as it came', async () => {
    const { feedPort } = await startFeed()
    const commit = '{"commit":{"project":"hello.git","author":"Mona","log":"Say hello"}}'
    await post(feedPort, '/json', commit)
    const at = ['watch', `feed://127.0.0.1:${feedPort}/json`, '--since', 'all', '--count', '1']
    const [text, json] = await Promise.all([run(at), run([...at, '--json'])])
    expect(text).toMatchObject({ code: 0, stderr: '' })
    expect(text.stdout).toMatch(/^\d\d:\d\d:\d\d json Mona committed to hello\.git: Say hello\n$/)
    expect(json).toEqual({ code: 0, stdout: `${commit}\n`, stderr: '' })
  })

  it('shows what a redis door keeps, and as an envelope with --json', async () => {
    const { port, redisPort } = await startRedisDoor()
    const id = await publish(port, 'a/b', 'hello', { 'Content-Type': 'text/x' })
    const at = ['watch', `redis://127.0.0.1:${redisPort}/a%2Fb`, '--last', '1', '--count', '1']
    const [text, json] = await Promise.all([run(at), run([...at, '--json'])])
    expect(text.stdout).toMatch(/ a\/b hello\n$/)
    const envelope = { id, channel: 'a/b', type: 'text/x', body: 'hello' }
    expect(JSON.parse(json.stdout)).toMatchObject(envelope)
  })

  it('says when what comes meanwhile is lost', async () => {
    const { tcp, server } = await startSparkleshare()
    const running = fanfare(['watch', `tcp://127.0.0.1:${tcp}/a`])
    // It says that it is connected to a terminal alone.
    while (server.hub().receivers('a' as never) === 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await server.stop()
    await running.complained('and what is published until then is lost\n')
    expect(running.stderr).toMatch(/^connection lost: the server closed the connection; trying/)
  })

  it.each([
    ['tcp://localhost/a', ['--since', 'all'], "SparkleShare's protocol has no history"],
    ['feed://localhost/a', ['--last', '2'], 'a feed takes --since, but no --last'],
    ['redis://localhost', [], "the URL's path names the channel: redis://localhost/NAME"],
  ])('refuses %s %j in words', async (url, flags, words) => {
    const { code, stderr } = await run(['watch', url, ...flags])
    expect(stderr).toContain(words)
    expect(stderr).toMatch(/^fanfare: .*\n$/)
    expect(code).toBe(1)
  })
})
