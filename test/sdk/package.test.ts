/** What is published to npm, packed and put where another project would have it. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'
import { beforeAll, describe, expect, it } from 'vitest'
import { run, Running } from '../cli/cli-program.ts'
import { startManaged } from '../protocols/management/support.ts'
import { LOCATIONS } from './support.ts'

const execute = promisify(execFile)

/** Another project, with this package in its node_modules. */
let project: string

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'fanfare-package-'))
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', project]
  const { stdout } = await execute('npm', args)
  const [packed] = JSON.parse(stdout) as { filename: string }[]
  const modules = join(project, 'node_modules/fanfare')
  mkdirSync(modules, { recursive: true })
  // What `npm install FILE` would do, without the packages that the server needs.
  await execute('tar', [
    '-xzf',
    join(project, packed?.filename ?? ''),
    '--strip-components=1',
    '-C',
    modules,
  ])
  return () => rmSync(project, { recursive: true })
}, 60_000)

/** Runs a program of that project. @returns the lines that it printed */
async function runIn(file: string, code: string): Promise<string[]> {
  writeFileSync(join(project, file), code)
  const running = new Running(process.execPath, [join(project, file)])
  const exit = await running.ended()
  expect({ exit, stderr: running.stderr }).toEqual({ exit: 0, stderr: '' })
  return running.lines
}

describe('the package', () => {
  it('runs the example of socket-push’s README by require', async () => {
    const { admin } = await startManaged()
    const lines = await runIn(
      'seed.cjs',
      `var HttpProxy = require('fanfare/rpc/proxy/http');
var auth = new HttpProxy(require('fanfare/service/auth'), '127.0.0.1', ${admin});

auth.set(1, 'test', function(result) {
  console.log('set', result);
  auth.check('nobody', function() {}, function(error) {
    console.log('error', error);
  });
}, function(error) {
  console.log('error', error);
});
for (const name of ['user', 'channel', 'worker', 'manager']) {
  console.log(require('fanfare/service/' + name).name);
}
`,
    )
    expect(lines).toEqual([
      'user',
      'channel',
      'worker',
      'manager',
      'set undefined',
      'error Authorization failed',
    ])
  })

  it('runs it by import', async () => {
    const { admin } = await startManaged()
    const lines = await runIn(
      'seed.mjs',
      `import HttpProxy from 'fanfare/rpc/proxy/http'
import auth from 'fanfare/service/auth'
const service = new HttpProxy(auth, '127.0.0.1', ${admin})
service.set(1, 'test', () => service.check('test', (user) => console.log(user)))
`,
    )
    expect(lines).toEqual(['1'])
  })

  it('has the client', async () => {
    const { admin, url } = await startManaged('', LOCATIONS)
    const lines = await runIn(
      'client.mjs',
      `import { connect, FanfareError } from 'fanfare/client'
const fanfare = connect({ url: '${url}', management: 'http://127.0.0.1:${admin}' })
await fanfare.auth.set(1, 'test')
console.log(await fanfare.auth.check('test'))
const news = fanfare.subscribe('news')
await news.opened
await fanfare.channel.publish('news', { text: 'hello' })
for await (const item of news) {
  console.log(item.channel, item.data.text)
  break
}
const error = await fanfare.auth.check('x').catch((error) => error)
console.log(error instanceof FanfareError, error.code)
`,
    )
    expect(lines).toEqual(['1', 'news hello', 'true not_authorized'])
  })

  it('has types for all of it', async () => {
    writeFileSync(
      join(project, 'types.mts'),
      `import { connect, type Followed } from 'fanfare/client'
import HttpProxy from 'fanfare/rpc/proxy/http'
import auth from 'fanfare/service/auth'

const fanfare = connect({ management: 'http://127.0.0.1:8181', key: 'x' })
const user: number | string = await fanfare.auth.check('test')
const names: string[] = await fanfare.channel.listAll()
// @ts-expect-error: a session is a text
await fanfare.auth.set(1, 2)
const take = (item: Followed): string => (item.kind === 'gap' ? item.from : item.channel)
for await (const item of fanfare.subscribe(['a', 'b/'], { since: 'all' })) take(item)
const { id } = await fanfare.publish('a', { build: 17 }, { ttl: 60 })
const service = new HttpProxy(auth, '127.0.0.1', 8181)
service.set(1, 'test', (result: undefined) => result, (error: string) => error)
service.add(1, 'test', () => {})
service.add(1, 'test', 60, () => {})
// @ts-expect-error: users are numbers in this form
service.set('1', 'test')
export { user, names, id }
`,
    )
    writeFileSync(
      join(project, 'types.cts'),
      `import HttpProxy = require('fanfare/rpc/proxy/http')
import channel = require('fanfare/service/channel')
new HttpProxy(channel, '127.0.0.1', 8181).listAll((names: string[]) => names)
`,
    )
    for (const [module, files] of [
      ['nodenext', ['types.mts', 'types.cts']],
      ['esnext', ['types.mts']],
    ] as const) {
      const options = {
        compilerOptions: {
          target: 'es2022',
          lib: ['es2023', 'dom'],
          module,
          moduleResolution: module === 'nodenext' ? 'nodenext' : 'bundler',
          strict: true,
          noEmit: true,
          types: [],
        },
        files,
      }
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options))
      const tsc = resolve('node_modules/typescript/bin/tsc')
      const checked = new Running(process.execPath, [tsc, '-p', project])
      const code = await checked.ended()
      expect({ code, stdout: checked.stdout }).toEqual({ code: 0, stdout: '' })
    }
  }, 60_000)

  it('has a client for pages under 10 KB', () => {
    const file = readFileSync(join(project, 'node_modules/fanfare/dist/browser/client.js'))
    expect(gzipSync(file, { level: 9 }).length).toBeLessThan(10_000)
    expect(file.toString()).not.toContain('What the user logs in with')
  })

  it('has the PHP classes’ parts, and writes the rest', async () => {
    const classes = join(project, 'php')
    const written = await run(['generate', 'php', '--out', classes])
    expect(written).toMatchObject({ code: 0 })
    for (const name of ['autoload.php', 'generateApi.php', 'README.md']) {
      const path = join(project, 'node_modules/fanfare/bindings/php', name)
      expect(readFileSync(path, 'utf8')).toContain('\n')
    }
  })

  it('is in order for publint', async () => {
    const pkgDir = join(project, 'node_modules/fanfare')
    const { messages } = await publint({ pkgDir, pack: false, strict: true })
    expect(messages).toEqual([])
  })
})
