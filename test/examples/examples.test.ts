/** Does what the walk-throughs in examples/ say, command by command, on ports of its own. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { delimiter, join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { MAIN, Running } from '../cli/cli-program.ts'
import { freePort } from '../interop/redis-server.ts'
import { temporaryFolder } from '../server/reload-support.ts'
import { until } from '../support/wait.ts'

/** Ports that the examples name. */
const PORTS = [8080, 8181, 6380, 2069, 9999, 1986]
const PROGRAMS = ['curl', 'git']

interface Block {
  /** `sh`: run to its end. `sh server`, `sh follow`: goes on. `text`: what was printed, by `follow` the follower. */
  readonly kind: string
  readonly text: string
}

/** The blocks of code of a page, in order. */
function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w[\w ]*)\n(.*?)^```$/gms)].map(
    ([, kind = '', text = '']) => ({
      kind,
      text,
    }),
  )
}

/** A copy of an example with other ports, and `fanfare` on the path. */
async function prepared(name: string): Promise<{ folder: string; env: Record<string, string> }> {
  const root = temporaryFolder()
  const folder = join(root, 'example')
  cpSync(join('examples', name), folder, { recursive: true })
  const others = new Map<string, string>()
  for (const port of PORTS) others.set(String(port), String(await freePort()))
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), 'utf8')
    const moved = text.replace(/\b\d{4}\b/g, (port) => others.get(port) ?? port)
    writeFileSync(join(folder, file), moved)
  }
  // The management port is there unless an example says otherwise.
  const management = others.get('8181') ?? ''
  const bin = join(root, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'fanfare'),
    `#!/bin/sh\nexec '${process.execPath}' '${resolve(MAIN)}' "$@"\n`,
  )
  chmodSync(join(bin, 'fanfare'), 0o755)
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'))
  const env = {
    PATH: `${bin}${delimiter}${process.env['PATH']}`,
    HOME: root,
    XDG_CONFIG_HOME: join(root, '.config'),
    FANFARE_PORT: others.get('8080') ?? '',
    FANFARE_MANAGEMENT__PORT: management,
    GIT_CONFIG_NOSYSTEM: '1',
  }
  return { folder, env }
}

const EXAMPLES = readdirSync('examples', { withFileTypes: true }).filter((one) => one.isDirectory())
const lacks = PROGRAMS.some((program) => spawnSync(program, ['--version']).status !== 0)

it.skipIf(lacks).each(EXAMPLES.map(({ name }) => name))(
  'examples/%s',
  async (name) => {
    const { folder, env } = await prepared(name)
    const start = (text: string): Running =>
      new Running('bash', ['-e', '-c', text], { cwd: folder, env })
    let follower: Running | undefined
    let last: { text: string; printed: string } | undefined
    const run = async (text: string): Promise<void> => {
      const running = start(text)
      const code = await running.ended()
      expect(code, `${text}\n${running.stdout}${running.stderr}`).toBe(0)
      last = { text, printed: running.stdout }
    }
    for (const { kind, text } of blocksOf(readFileSync(join(folder, 'README.md'), 'utf8'))) {
      switch (kind) {
        case 'sh server': {
          const server = start(`exec ${text}`)
          await until(
            () => server.stdout.includes('Stop with'),
            `it serves: ${server.stderr}`,
            60_000,
          )
          break
        }
        case 'sh follow':
          follower?.process.kill('SIGKILL')
          follower = start(`exec ${text}`)
          last = undefined
          break
        case 'sh':
          await run(text)
          break
        case 'text':
          for (const line of text.trimEnd().split('\n')) expect(last?.printed).toContain(line)
          break
        case 'text follow':
          await hears(text.trimEnd().split('\n'))
          break
        default:
          throw new Error(`${name}: nothing can be done with a block of ${kind}`)
      }
    }

    /** Who has only just begun to follow may have been too late: then it is done again. */
    async function hears(lines: readonly string[]): Promise<void> {
      const has = (): boolean => lines.every((line) => follower?.stdout.includes(line))
      for (let attempt = 0; attempt < 20 && !has(); attempt++) {
        const soon = performance.now() + 3_000
        await until(() => has() || performance.now() > soon, 'it hears, or some time is over')
        if (!has() && last && name !== 'commit-feed') await run(last.text)
      }
      expect(has(), `${lines.join()} in ${follower?.stdout} ${follower?.stderr}`).toBe(true)
    }
  },
  180_000,
)
