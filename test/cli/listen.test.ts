/** `fanfare listen`: its configuration, its files, and what it misses not. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clock } from '../../src/model/clock.ts'
import { KeyFile } from '../access/keyed.ts'
import { Proxy } from '../client/proxy.ts'
import { redisCli, startRedis, startRedisDoor } from '../client/redis-server.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { until } from '../support/wait.ts'
import { fanfare, MAIN, run, Running } from './cli-program.ts'
import { CONFIG, type Home, makeHome } from './listen-files.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

/** A home with a listener's configuration. */
function configured(port: number, channels: readonly string[] = ['a'], more: object = {}): Home {
  const home = makeHome()
  home.write(CONFIG, { host: '127.0.0.1', port, channels, auth: '', ...more })
  return home
}

async function printing({ env }: Home): Promise<Running> {
  const listener = fanfare(['listen', '--print'], { env })
  await listener.complained('listening to')
  return listener
}

/** Runs the command line on a terminal, and types the answers. */
async function onTerminal(
  { env }: Home,
  answers: readonly (readonly [string, string | null])[],
  ...args: string[]
): Promise<{ code: number | null; screen: string }> {
  const script = 'test/interop/programs/terminal.py'
  const program = [process.execPath, MAIN, 'listen', ...args]
  const running = new Running('python3', [script, JSON.stringify(answers), ...program], { env })
  const code = await running.ended()
  return { code, screen: running.stdout }
}

/** Kills what a test has started in the background. */
function stopLater({ env }: Home): void {
  onTestFinished(async () => {
    await run(['listen', 'stop'], { env })
  })
}

describe('fanfare listen --print', () => {
  it('shows messages of its channels and patterns', async () => {
    const { port, redisPort } = await startRedisDoor()
    const listener = await printing(configured(redisPort, ['a', 'x/*']))
    await listener.complained('listening to x/* on')
    await publish(port, 'a', 'one')
    await listener.printed(1)
    await publish(port, 'x/y', 'two\u001b[2J')
    const lines = await listener.printed(2)
    expect(lines).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d a one$/),
      expect.stringMatching(/ x\/y two\u{fffd}\[2J$/u),
    ])
    listener.process.kill('SIGTERM')
    expect(await listener.ended()).toBe(0)
  })

  it('shows what was missed while it was down, and says how much', async () => {
    const { port, redisPort } = await startRedisDoor()
    const home = configured(redisPort, ['a', 'b'])
    const first = await printing(home)
    first.process.kill('SIGINT')
    await first.ended()
    await publishTogether(port, 'a', [{ body: 'one' }, { body: 'two' }])
    await publish(port, 'b', 'three')
    const second = await printing(home)
    await second.complained('3 messages were missed')
    expect(second.lines.map((line) => line.slice(9))).toEqual(['a one', 'a two', 'b three'])
    second.process.kill('SIGINT')
    await second.ended()
    const third = await printing(home)
    await publish(port, 'a', 'four')
    expect((await third.printed(1)).map((line) => line.slice(9))).toEqual(['a four'])
    expect(third.stderr).not.toContain('3 messages')
  })

  it('gets over a restart of the server: what came since arrives, what it lost is told', async () => {
    const first = await startRedisDoor()
    const proxy = await Proxy.start(first.redisPort)
    const listener = await printing(configured(proxy.port))
    await publish(first.port, 'a', 'before')
    await listener.printed(1)
    proxy.target = undefined
    await first.server.stop()
    await listener.complained('connection lost: ')
    const second = await startRedisDoor('', { clock: new Clock(() => Date.now() + 5_000) })
    await publishTogether(second.port, 'a', [{ body: 'after 1' }, { body: 'after 2' }])
    proxy.target = second.redisPort
    const lines = await listener.printed(3)
    expect(lines.map((line) => line.slice(9))).toEqual(['a before', 'a after 1', 'a after 2'])
    await listener.complained('2 messages were missed')
    expect(listener.stderr).toMatch(/some messages between \d+-\d+ and \d+-\d+ are gone\n/)
  })

  it('starts anew where the server is another', async () => {
    const [first, second] = [await startRedisDoor(), await startRedisDoor()]
    const home = configured(first.redisPort)
    const listener = await printing(home)
    listener.process.kill('SIGTERM')
    await listener.ended()
    await publish(second.port, 'a', 'old')
    home.write(CONFIG, { host: '127.0.0.1', port: second.redisPort, channels: ['a'] })
    const other = await printing(home)
    await publish(second.port, 'a', 'new')
    expect((await other.printed(1))[0]).toMatch(/ a new$/)
  })

  it('has a state of its own for another --config', async () => {
    const { port, redisPort } = await startRedisDoor()
    const home = configured(redisPort, ['a'])
    const file = home.write('other.json', { host: '127.0.0.1', port: redisPort, channels: ['b'] })
    const both = [
      await printing(home),
      fanfare(['listen', '--print', '--config', file], { env: home.env }),
    ] as const
    await both[1].complained('listening to b')
    await publish(port, 'b', 'x')
    expect((await both[1].printed(1))[0]).toMatch(/ b x$/)
    expect(both[0].stdout).toBe('')
  })

  it('has the key, and ends when the server refuses it', async () => {
    const { port, redisPort } = await startRedisDoor('password: "se:cr@t"')
    const listener = await printing(configured(redisPort, ['a'], { auth: 'se:cr@t' }))
    await publish(port, 'a', 'one')
    await listener.printed(1)
    const { code, stderr } = await run(['listen', '--print'], configured(redisPort))
    expect(stderr).toContain('wants a password')
    expect(code).toBe(1)
  })

  it('shows a key that is given to it, where a channel needs one', async () => {
    const keys = new KeyFile()
    const access = keys.yaml('anonymous: { subscribe: [] }, trusted: { subscribe: [] }')
    const { port, redisPort } = await startRedisDoor('', {}, access)
    const right = keys.make('listener', { subscribe: ['a'] })
    const wrong = keys.make('other', { subscribe: ['b'] })
    // Before the one that it has, and the command line before the environment.
    const listeners = [
      fanfare(['listen', '--print'], {
        env: { ...configured(redisPort, ['a'], { auth: wrong }).env, FANFARE_KEY: right },
      }),
      fanfare(['listen', '--print', '--access-key', right], {
        env: { ...configured(redisPort).env, FANFARE_KEY: wrong },
      }),
    ]
    for (const listener of listeners) await listener.complained('listening to')
    await publish(port, 'a', 'one')
    for (const listener of listeners) expect((await listener.printed(1))[0]).toMatch(/ a one$/)

    const keyless = await run(['listen', '--print'], configured(redisPort))
    expect(keyless.code).toBe(1)
    expect(keyless.stderr).toContain('--access-key')
    const other = await run(['listen', '--print', '--access-key', wrong], configured(redisPort))
    expect(other.code).toBe(1)
  })

  it('gives it to the one in the background, where no list of processes shows it', async () => {
    const keys = new KeyFile()
    const access = keys.yaml('anonymous: { subscribe: [] }, trusted: { subscribe: [] }')
    const { port, redisPort } = await startRedisDoor('', {}, access)
    const key = keys.make('listener', { subscribe: ['a'] })
    const home = configured(redisPort)
    stopLater(home)

    const started = await run(['listen', 'start', '--access-key', key], home)

    const log = join(home.path, '.local/state/fanfare/listen.log')
    await until(() => readFileSync(log, 'utf8').includes('listening to'), 'it listens')
    await publish(port, 'a', 'one')
    await until(() => readFileSync(log, 'utf8').includes('a: one'), 'it came')
    const pid = /process (\d+)/.exec(started.stdout)?.[1]
    const shown = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout
    expect(shown).toContain('listen')
    expect(shown).not.toContain(key)
  })

  it.skipIf(missing.includes('Redis'))('listens to any Redis, live', async () => {
    const port = await startRedis()
    const listener = await printing(configured(port, ['a', 'b*']))
    await listener.complained('listening to b* on')
    await listener.complained('listening to a on')
    expect(await redisCli(port, 'PUBLISH', 'a', 'one')).toBe('1')
    expect((await listener.printed(1))[0]).toMatch(/ a one$/)
  })
})

describe("the listener's files", () => {
  it('are private', async () => {
    const { redisPort } = await startRedisDoor()
    const home = configured(redisPort)
    const listener = await printing(home)
    const folder = join(home.path, '.local/state/fanfare')
    await until(() => existsSync(join(folder, 'listen-state.json')), 'the state is written')
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of ['listen-state.json', 'listen.pid']) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    }
    listener.process.kill('SIGTERM')
    await listener.ended()
    expect(existsSync(join(folder, 'listen.pid'))).toBe(false)
  })

  it.each([
    ['{', 'JSON'],
    ['[]', '`host`'],
    ['{"host":"a b"}', '`host`'],
    ['{"host":"x","port":0}', '`port`'],
    ['{"host":"x","port":1,"channels":[]}', '`channels`'],
    ['{"host":"x","port":1,"channels":["a"],"auth":1}', '`auth`'],
    ['{"host":"x","port":1,"channels":["a"],"tls":1}', '`tls`'],
    ['{"host":"x","port":1,"channels":["a"],"limit":{"count":0,"seconds":1}}', '`limit`'],
  ])('are read with care: %s', async (text, words) => {
    const home = makeHome()
    const file = home.write('listen.json', {})
    writeFileSync(file, text)
    const { code, stderr } = await run(['listen', '--config', file], home)
    expect(stderr).toMatch(/^fanfare: .*listen\.json: .*\n$/)
    expect(stderr).toContain(words)
    expect(code).toBe(1)
  })

  it('must be there where there is no terminal to ask on', async () => {
    const home = makeHome()
    for (const args of [['listen'], ['listen', 'start'], ['listen', 'reconfigure']]) {
      const { code, stderr } = await run(args, home)
      expect(stderr).toMatch(/^fanfare: there is no .*listen\.json, and no terminal to ask on/)
      expect(code).toBe(1)
    }
  })
})

describe('fanfare listen start', () => {
  it('listens in the background; status, log and stop know it', async () => {
    const { port, redisPort } = await startRedisDoor()
    const home = configured(redisPort)
    stopLater(home)
    const before = await run(['listen', 'status'], home)
    expect(before).toMatchObject({ code: 1, stdout: 'No listener runs\n' })
    const started = await run(['listen', 'start'], home)
    expect(started.stdout).toMatch(/^Listening to a as process \d+\n$/)
    const again = await run(['listen', 'start'], home)
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('runs already') })
    const inFront = await run(['listen', '--print'], home)
    expect(inFront).toMatchObject({ code: 1, stderr: expect.stringContaining('runs already') })
    const status = await run(['listen', 'status'], home)
    expect(status.stdout).toMatch(/^A listener runs, as process \d+\n/)

    const log = join(home.path, '.local/state/fanfare/listen.log')
    await until(() => readFileSync(log, 'utf8').includes('listening to'), 'it listens')
    await publish(port, 'a', 'in the\nbackground')
    await until(() => readFileSync(log, 'utf8').includes('a: in the background'), 'it came')
    expect((await run(['listen', 'log'], home)).stdout).toContain('a: in the background\n')

    expect((await run(['listen', 'stop'], home)).stdout).toBe('The listener has stopped\n')
    expect((await run(['listen', 'status'], home)).code).toBe(1)
    expect((await run(['listen', 'stop'], home)).stdout).toBe('No listener runs\n')
  })

  it('knows that the process of an old pid file is another one', async () => {
    const { redisPort } = await startRedisDoor()
    const home = configured(redisPort)
    stopLater(home)
    home.write('.local/state/fanfare/listen.pid', { pid: process.pid, started: '1' })
    expect((await run(['listen', 'stop'], home)).stdout).toBe('No listener runs\n')
    expect((await run(['listen', 'start'], home)).code).toBe(0)
  })

  it('says why it cannot', async () => {
    const home = configured(1)
    home.write('.local/state', 'a file')
    const { code, stderr } = await run(['listen', 'start'], home)
    expect(stderr).toMatch(/^fanfare: .*\.local\/state/)
    expect(code).toBe(1)
  })
})

describe.skipIf(missing.includes('Python 3'))('fanfare listen on a terminal', () => {
  it('asks on its first run, and writes what was said', async () => {
    const { redisPort } = await startRedisDoor('password: secret')
    const home = makeHome()
    stopLater(home)
    const { code, screen } = await onTerminal(
      home,
      [
        ['host [localhost]: ', ' 127.0.0.1 '],
        ['port [6380]: ', 'many'],
        ['port [6380]: ', String(redisPort)],
        ['channels (comma separated): ', ''],
        ['channels (comma separated): ', ' a, octocat/hello ,a,'],
        ['key (empty for none): ', 'secret'],
      ],
      'start',
    )
    expect(screen).toContain('That is a number from 1 to 65535.')
    expect(screen).toMatch(/Listening to a, octocat\/hello as process \d+/)
    expect(screen).not.toContain('secret')
    expect(code).toBe(0)
    const file = join(home.path, CONFIG)
    const config = {
      host: '127.0.0.1',
      port: redisPort,
      channels: ['a', 'octocat/hello'],
      auth: 'secret',
    }
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(config, null, 4)}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(home.path, '.config/fanfare')).mode & 0o777).toBe(0o700)
  })

  it('then listens, until Ctrl-C', async () => {
    const { redisPort } = await startRedisDoor()
    const answers = [
      ['host', '127.0.0.1'],
      ['port', String(redisPort)],
      ['channels', 'a'],
      ['listening to a', '\u0003'],
    ] as const
    const { code, screen } = await onTerminal(makeHome(), answers, '--print')
    expect(screen).toContain(`listening to a on 127.0.0.1:${redisPort}`)
    expect(code).toBe(0)
  })

  it('does not ask for a key where none is wanted', async () => {
    const { redisPort } = await startRedisDoor()
    const home = makeHome()
    const { screen } = await onTerminal(
      home,
      [
        ['host', '127.0.0.1'],
        ['port', String(redisPort)],
        ['channels', 'a'],
      ],
      'reconfigure',
    )
    expect(screen).not.toContain('key')
    expect(screen).toContain('Written to ')
  })

  it.each(['.notistream', '.lerner'])('offers to import %s', async (folder) => {
    const home = makeHome()
    const config = { host: 'push.example.com', channels: ['me', 'a/b'] }
    home.write(`${folder}/config.json`, config)
    const { code, screen } = await onTerminal(home, [['[Y/n] ', '']], 'reconfigure')
    expect(screen).toContain('push.example.com:6379, me, a/b')
    expect(code).toBe(0)
    expect(JSON.parse(readFileSync(join(home.path, CONFIG), 'utf8'))).toEqual({
      ...config,
      port: 6379,
      auth: '',
    })
  })

  it('writes nothing when the user goes', async () => {
    const home = makeHome()
    home.write('.notistream/config.json', { host: 'x', port: 1, channels: ['a'] })
    const answers = [
      ['[Y/n] ', 'n'],
      ['host', null],
    ] as const
    const { code, screen } = await onTerminal(home, answers)
    expect(screen).toContain('fanfare: nothing was written')
    expect(code).toBe(1)
    expect(existsSync(join(home.path, CONFIG))).toBe(false)
  })
})
