/** `fanfare listen` on a desktop: a mock of its notification service, on a D-Bus of its own. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MAIN, run, Running } from '../cli/cli-program.ts'
import { CONFIG, type Home, makeHome } from '../cli/listen-files.ts'
import { startRedisDoor } from '../client/redis-server.ts'
import { publish, publishTogether } from '../protocols/events/events-client.ts'
import { until } from '../support/wait.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')
const PROGRAMS = 'test/interop/programs'

interface Shown {
  readonly app: string
  readonly title: string
  readonly body: string
  readonly urgency: number
}

/** A desktop with a listener in it, once it listens. */
class Desktop {
  readonly running: Running

  private constructor(home: Home) {
    const desktop = ['/usr/bin/python3', `${PROGRAMS}/notifications.py`]
    const listener = [process.execPath, MAIN, 'listen']
    const args = ['--', ...desktop, ...listener]
    this.running = new Running('dbus-run-session', args, { env: home.env })
  }

  static async start(home: Home): Promise<Desktop> {
    const desktop = new Desktop(home)
    await desktop.running.complained('listening to')
    return desktop
  }

  async shown(count: number): Promise<Shown[]> {
    return (await this.running.printed(count)).map((line) => JSON.parse(line) as Shown)
  }
}

function makeDesktopHome(port: number, more: object = {}, channels = ['a', 'b', 'c']): Home {
  const home = makeHome()
  home.write(CONFIG, { host: '127.0.0.1', port, channels, auth: '', ...more })
  return home
}

describe.skipIf(missing.includes('D-Bus'))('notifications', () => {
  it('have a title, a body and an urgency', async () => {
    const { port, redisPort } = await startRedisDoor()
    const desktop = await Desktop.start(makeDesktopHome(redisPort))
    await publish(port, 'a', 'Mona commited to a/b: Fix: the colon')
    expect(await desktop.shown(1)).toEqual([
      { app: 'Fanfare', title: 'Mona commited to a/b', body: 'Fix: the colon', urgency: 1 },
    ])
    await publishTogether(port, 'b', [{ body: 'on fire', attributes: { urgency: 'critical' } }])
    expect((await desktop.shown(2))[1]).toMatchObject({ title: 'b', body: 'on fire', urgency: 2 })
  })

  it('show what would be an option, markup, an escape or a command as the text that it is', async () => {
    const { port, redisPort } = await startRedisDoor()
    const desktop = await Desktop.start(makeDesktopHome(redisPort))
    await publish(port, 'a', '--help: <b>$(touch /tmp/x)</b> & `id` \\n \\x41 %s')
    await publish(port, 'a', '-u: -v\u0007\u001b]0;x')
    expect(await desktop.shown(2)).toMatchObject([
      {
        title: '--help',
        body: '&lt;b&gt;$(touch /tmp/x)&lt;/b&gt; &amp; `id` \\n \\x41 %s',
      },
      { title: '-u', body: '-v  ]0;x' },
    ])
  })

  it('open the link of their message when they are clicked', async () => {
    const { port, redisPort } = await startRedisDoor()
    const home = makeDesktopHome(redisPort)
    const opened = join(home.path, 'opened')
    const opener = join(home.path, 'bin/xdg-open')
    mkdirSync(join(home.path, 'bin'))
    writeFileSync(
      opener,
      `#!/bin/sh\nprintf %s "$1" > ${opened}.new && mv ${opened}.new ${opened}\n`,
    )
    chmodSync(opener, 0o755)
    const path = `${home.path}/bin:${process.env['PATH']}`
    const desktop = await Desktop.start({ ...home, env: { ...home.env, PATH: path } })
    const url = 'https://example.com/?a=1&b=$(id)'
    await publishTogether(port, 'a', [{ body: 'Built', attributes: { url } }])
    const [shown] = await desktop.shown(1)
    expect(shown?.body).toBe('Built\nhttps://example.com/?a=1&amp;b=$(id)')
    await until(() => existsSync(opened), 'the link was opened')
    expect(readFileSync(opened, 'utf8')).toBe(url)
  })

  it('become one summary in a burst', async () => {
    const { port, redisPort } = await startRedisDoor()
    const limit = { count: 3, seconds: 2 }
    const desktop = await Desktop.start(makeDesktopHome(redisPort, { limit }))
    for (const channel of ['a', 'b', 'c']) {
      const bodies = Array.from({ length: 5 }, (_, n) => ({ body: `${channel}${n}` }))
      await publishTogether(port, channel, bodies)
    }
    const shown = await desktop.shown(4)
    expect(shown.map(({ body }) => body)).toEqual([
      'a0',
      'a1',
      'a2',
      '12 more messages on 3 channels',
    ])
  })

  it('say how much was missed: one by one where it is little, else in one', async () => {
    const { port, redisPort } = await startRedisDoor()
    const home = makeDesktopHome(redisPort)
    const first = await run(['listen', 'start'], home)
    expect(first.code).toBe(0)
    const log = join(home.path, '.local/state/fanfare/listen.log')
    await until(() => readFileSync(log, 'utf8').includes('listening to'), 'it listens')
    await run(['listen', 'stop'], home)
    await publishTogether(port, 'a', [{ body: 'one' }, { body: 'two' }])
    const little = await Desktop.start(home)
    expect((await little.shown(2)).map(({ body }) => body)).toEqual(['one', 'two'])
    await stop(home)
    expect(await little.running.ended()).toBe(0)

    const many = Array.from({ length: 40 }, (_, n) => ({ body: String(n) }))
    await publishTogether(port, 'a', many)
    await publishTogether(port, 'b', many)
    const much = await Desktop.start(home)
    expect(await much.shown(1)).toMatchObject([
      { title: 'Fanfare', body: '80 missed messages on 2 channels' },
    ])
    await publish(port, 'a', 'live')
    expect((await much.shown(2))[1]).toMatchObject({ body: 'live' })
    await stop(home)
  })
})

/** Stops the listener, wherever it runs. */
async function stop({ env }: Home): Promise<void> {
  const { stdout } = await run(['listen', 'stop'], { env })
  expect(stdout).toBe('The listener has stopped\n')
}

it('a missing notify-send is told once, and the lines go on', async () => {
  const { port, redisPort } = await startRedisDoor()
  const home = makeDesktopHome(redisPort)
  mkdirSync(join(home.path, 'empty'))
  const env = { ...home.env, PATH: join(home.path, 'empty') }
  const listener = new Running(process.execPath, [MAIN, 'listen'], { env })
  await listener.complained('listening to')
  await publish(port, 'a', 'one')
  await listener.complained('notify-send is missing: sudo apt-get install libnotify-bin')
  await publish(port, 'a', 'two')
  await listener.printed(2)
  expect(listener.stderr.match(/is missing/g)).toHaveLength(1)
})
