import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { Proxy } from '../client/proxy.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { request } from '../support/raw.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { fanfare, MAIN, run, Running } from './cli-program.ts'

const noPython = process.env['FANFARE_TEST_MISSING']?.includes('Python') ?? false

/** A server with some messages in the channel `a`, and the flag that names it. */
async function withMessages(
  ...bodies: string[]
): Promise<TestServer & { last: string; at: string[] }> {
  const server = await startServer()
  const messages = bodies.map((body) => ({ body }))
  const last = messages.length === 0 ? '' : await publishTogether(server.port, 'a', messages)
  return { ...server, last, at: ['--server', server.url] }
}

/** Runs `watch` until so many messages came. */
function watch(at: readonly string[], count: number, ...args: string[]): ReturnType<typeof run> {
  return run(['watch', ...args, ...at, '--count', String(count)])
}

describe('fanfare watch', () => {
  it('shows time, channel and body, and ends after --count', async () => {
    const { at } = await withMessages('one', 'two', 'three')
    const { code, stdout, stderr } = await watch(at, 2, 'a', '--since', 'all')
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d a one\n\d\d:\d\d:\d\d a two\n$/)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('shows what comes from now on', async () => {
    const { port, server, at } = await withMessages('old')
    const running = fanfare(['watch', 'a', ...at])
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    await publish(port, 'a', 'new')
    expect(await running.printed(1)).toEqual([expect.stringMatching(/ a new$/)])
  })

  it.each([
    ['an id', (last: string) => ['--since', `${last.split('-')[0]}-1`], 'three'],
    ['a time', (last: string) => ['--since', `${last.split('-')[0]}`], 'one'],
    ['the newest', () => ['--last', '1'], 'three'],
  ])('starts at %s', async (_, flags, first) => {
    // Its clock stands still: all ids lie in one second.
    const now = Date.now()
    const { port, url } = await startServer('', { clock: new Clock(() => now) })
    const bodies = ['one', 'two', 'three'].map((body) => ({ body }))
    const last = await publishTogether(port, 'a', bodies)
    const { stdout } = await watch(['--server', url], 1, 'a', ...flags(last))
    expect(stdout).toMatch(new RegExp(` a ${first}\n$`))
  })

  it('gives each message as a line of JSON with --json', async () => {
    const { at, port } = await withMessages()
    const id = await publish(port, 'a', 'one\n"two"', { 'Content-Type': 'text/x' })
    const { stdout } = await watch(at, 1, 'a', '--since', 'all', '--json')
    const { time, ...others } = JSON.parse(stdout) as { time: number }
    expect(time).toBeGreaterThan(1e12)
    expect(others).toEqual({ id, channel: 'a', type: 'text/x', body: 'one\n"two"' })
  })

  it('tells a gap to people on standard error, and in --json to programs as well', async () => {
    const { at } = await withMessages('one')
    const flags = ['a', '--since', '1700000000-0']
    const [text, json] = await Promise.all([
      watch(at, 1, ...flags),
      watch(at, 1, ...flags, '--json'),
    ])
    expect(text.stdout).toMatch(/ a one\n$/)
    for (const { stderr } of [text, json]) {
      expect(stderr).toMatch(/^some messages between 1700000000-0 and \d+-\d+ are gone\n$/)
    }
    const [gap = '', message = ''] = json.stdout.split('\n')
    expect(JSON.parse(gap)).toMatchObject({ gap: { from: '1700000000-0' } })
    expect(JSON.parse(message)).toMatchObject({ body: 'one' })
  })

  it('shows bytes that are no text as such', async () => {
    const { at, port } = await withMessages()
    await publish(port, 'a', Buffer.from([0xff, 0xfe, 0, 0x80]))
    const { stdout } = await watch(at, 1, 'a', '--since', 'all')
    expect(stdout).toMatch(/ a 4 bytes, not text: \/\/4AgA==\n$/)
  })

  it.each([
    ['spaces and UTF-8', 'ä b', '%C3%A4%20b'],
    ['slashes', 'a/b', 'a/b'],
    ['a leading slash, which does not count', '/a/b', 'a/b'],
    ['two of them, of which one counts', '//a', '%2F%2Fa'],
    ['characters that mean something in a URL', 'a?b#c%20&d', 'a%3Fb%23c%2520%26d'],
    ['dots that a URL would lose', 'a/../b', 'a%2F..%2Fb'],
    ['dots alone', '..', '%2F..'],
    ['a subtree', 'x/', 'x/y'],
    ['everything', '/', 'any/thing'],
  ])('follows channels with %s', async (_, named, path) => {
    const { at, port } = await withMessages()
    await publish(port, path, 'found')
    const { stdout } = await watch(at, 1, named, '--since', 'all')
    expect(stdout).toMatch(/ found\n$/)
  })

  it.each(['/events/a?since=all', '/subscriber/a?since=all', '/ws/a?since=all'])(
    'follows URLs: %s',
    async (path) => {
      const { port } = await withMessages('found')
      const scheme = path.startsWith('/ws') ? 'ws' : 'http'
      const { code, stdout } = await watch([], 1, `${scheme}://localhost:${port}${path}`)
      expect(stdout).toMatch(/ a found\n$/)
      expect(code).toBe(0)
    },
  )

  it('gives a proxy the name and password of the URL, and shows them to nobody', async () => {
    let authorization: string | undefined
    const server = createServer((incoming, response) => {
      ;({ authorization } = incoming.headers)
      response.writeHead(403).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await run(['watch', `http://me:secret@127.0.0.1:${port}/events/a`])
    expect(authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'fanfare: the server answered 403 Forbidden\n',
    })
  })

  it('finds a server behind a path, for everything too', async () => {
    const server = createServer((incoming, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.end(`data: ${incoming.url}\n\n`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const at = ['--server', `http://127.0.0.1:${(server.address() as AddressInfo).port}/push?x=1#y`]
    expect((await watch(at, 1, 'a b')).stdout).toContain('/push/events/a%20b?format=json')
    expect((await watch(at, 1, '/')).stdout).toContain('/push/events/?channel=%2F&format=json')
  })
})

describe('fanfare watch and the terminal', () => {
  const EVIL = '\u001b[2J\u0007\u009b31m\u0000\rover\u007f\ttab'

  it('is not harmed by what messages say', async () => {
    const { at, port } = await withMessages()
    await publish(port, '%1B%5B2J%0Anext', EVIL)
    const { stdout } = await watch(at, 1, '/', '--since', 'all')
    expect(stdout).toMatch(
      / \ufffd\[2J next \ufffd\[2J\ufffd\ufffd31m\ufffd\ufffdover\ufffd\ttab\n$/,
    )
  })

  it('is not harmed by JSON, which means the same', async () => {
    const { at, port } = await withMessages()
    await publish(port, 'a', EVIL)
    const { stdout } = await watch(at, 1, 'a', '--since', 'all', '--json')
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    expect(JSON.parse(stdout)).toMatchObject({ body: EVIL })
  })

  it('is not harmed by servers', async () => {
    const evil = { id: '1-0', channel: 'a', encoding: 'base64', body: EVIL }
    const gap = { from: EVIL, to: EVIL }
    const server = createServer((incoming, response) => {
      if (incoming.url?.startsWith('/events/refused')) response.writeHead(400).end(EVIL)
      else {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' })
        response.write(`event: gap\ndata: ${JSON.stringify(gap)}\n\n`)
        response.end(`data: ${JSON.stringify(evil)}\n\n`)
      }
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const at = ['--server', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]
    for (const args of [['refused'], ['a'], ['a', '--json']]) {
      const { stdout, stderr } = await watch(at, 1, ...args)
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
    }
  })

  it('has colours only there: not in a file, not where CI is set', async () => {
    const { at } = await withMessages('one')
    const args = ['watch', 'a', '--since', '1700000000-0', '--count', '1', ...at]
    const { stdout, stderr } = await run(args, { env: { CI: 'true', TERM: 'xterm' } })
    expect(stdout + stderr).not.toContain('\u001b')
  })

  it.skipIf(noPython)('has colours there, unless NO_COLOR is set', async () => {
    const { at } = await withMessages('one')
    const args = [process.execPath, MAIN, 'watch', 'a', '--since', 'all', '--count', '1', ...at]
    const inTerminal = async (env: Record<string, string>): Promise<string> => {
      const program = 'import pty, sys; pty.spawn(sys.argv[1:])'
      const running = new Running('python3', ['-c', program, ...args], { env, stdin: '' })
      await running.ended()
      return running.stdout
    }
    expect(await inTerminal({ TERM: 'xterm' })).toContain('\u001b[36ma\u001b[39m one')
    expect(await inTerminal({ TERM: 'xterm', NO_COLOR: '1' })).not.toContain('\u001b')
  })

  it('ends cleanly when its reader has had enough', async () => {
    const { at, port, server } = await withMessages()
    const command = `${process.execPath} ${MAIN} watch a ${at.join(' ')} | head -1; echo code \${PIPESTATUS[0]}`
    const running = new Running('bash', ['-c', command])
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    await publish(port, 'a', 'one')
    await running.printed(1)
    // head is gone now; the next message finds that out.
    while (!running.stdout.includes('code')) {
      await publish(port, 'a', 'more')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await running.ended()
    expect(running.lines).toEqual([expect.stringMatching(/ a one$/), 'code 0'])
    expect(running.stderr).toBe('')
  })
})

describe('fanfare watch and its server', () => {
  it('ends with 1 and the reason when it is refused', async () => {
    const { at, port } = await withMessages()
    const wrong = `http://localhost:${port}/nowhere/a`
    const [cursor, place, socket] = await Promise.all([
      run(['watch', 'a', '--since', 'x', ...at]),
      run(['watch', wrong]),
      run(['watch', `ws://localhost:${port}/ws/a?since=x`]),
    ])
    const said = /^fanfare: 400 bad_cursor: A cursor is an id such as .*\n$/
    expect(cursor).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(said) })
    expect(socket).toMatchObject({ code: 1, stderr: expect.stringMatching(said) })
    expect(place).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fanfare: 404 unknown_location: .*\n$/),
    })
  })

  it.each([
    [['watch', 'a', '--count', '0'], '--count takes a whole number from 1'],
    [['watch', 'a', '--last', 'x'], '--last takes a whole number from 1'],
    [['watch', ''], 'a channel has 1 to 512 bytes'],
    [['watch', 'x'.repeat(513)], 'a channel has 1 to 512 bytes'],
    [['watch', 'a', '--server', 'nowhere'], 'not a URL: nowhere'],
    [['watch', 'ftp://localhost/a'], 'cannot follow ftp: URLs; http: https: ws: wss: redis:'],
  ])('ends with 1 for a mistake: %j', async (args, words) => {
    const { code, stderr } = await run(args)
    expect(stderr).toContain(words)
    expect(stderr).toMatch(/^fanfare: .*\n$/)
    expect(code).toBe(1)
  })

  it('says that nothing is there, keeps trying, and ends with 0 when interrupted', async () => {
    // Something accepts and closes at once, as proxies do for a server that is down.
    const proxy = await Proxy.start()
    const running = fanfare(['watch', proxy.url('/events/a').href])
    await running.complained('trying again in')
    expect(running.stderr).toMatch(/^connection lost: .*; trying again in \d\.\d s\n/)
    const { server, port } = await startServer()
    proxy.target = port
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    await publish(port, 'a', 'found')
    await running.printed(1)
    running.process.kill('SIGINT')
    expect(await running.ended()).toBe(0)
  })

  it('says that nothing listens', async () => {
    const { server, port } = await startServer()
    await server.stop()
    const running = fanfare(['watch', 'a', '--server', `http://localhost:${port}`])
    await running.complained('connection lost: nothing listens there; trying again')
    running.process.kill('SIGTERM')
    expect(await running.ended()).toBe(0)
  })

  it('misses nothing and shows nothing twice over lost connections', async () => {
    const { port, server } = await withMessages()
    const proxy = await Proxy.start(port)
    const running = fanfare(['watch', proxy.url('/events/a').href])
    await until(() => server.hub().receivers('a' as never) === 1, 'it listens')
    await publish(port, 'a', 'before')
    await running.printed(1)
    proxy.cut()
    for (const body of ['while', 'away']) await publish(port, 'a', body)
    await request(port, 'PUT', '/publisher/a')
    const lines = await running.printed(3)
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(['before', 'while', 'away'])
    expect(running.stderr).toMatch(/^connection lost: .*\n$/)
  })
})
