/** The examples of docs/client.md, as they stand there but for the ports. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { run, Running } from '../cli/cli-program.ts'
import { type ManagedServer, startManaged } from '../protocols/management/support.ts'
import { publish } from '../protocols/events/events-client.ts'
import { LOCATIONS } from './support.ts'

const missing = process.env['FANFARE_TEST_MISSING']?.split(',').includes('PHP') ?? false
const PAGE = readFileSync('docs/client.md', 'utf8')

/** The example that has some words in it, for the ports of a server. */
function example(language: string, words: string, { admin, port }: ManagedServer): string {
  const blocks = [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))]
  const code = blocks.map(([, block = '']) => block).find((block) => block.includes(words))
  expect(code, words).toBeDefined()
  return (code ?? '').replaceAll('8181', String(admin)).replaceAll('8080', String(port))
}

/** Another project, where `fanfare` is this package. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-docs-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const modules = join(folder, 'node_modules/fanfare')
  mkdirSync(modules, { recursive: true })
  cpSync('package.json', join(modules, 'package.json'))
  cpSync('dist', join(modules, 'dist'), { recursive: true })
  return folder
}

function start(file: string, code: string): Running {
  const path = join(project(), file)
  writeFileSync(path, code)
  return new Running(process.execPath, [path])
}

describe('an example of docs/client.md', () => {
  it.each([
    ['a message', 'news.opened', ['news hello']],
    ['other options', 'timeout: 2_000', ['0']],
    ['services', 'instanceof FanfareError', ['not_connected 404 User not connected']],
  ])('works: %s', async (_, words, printed) => {
    const server = await startManaged('', LOCATIONS)
    const running = start('example.mjs', example('js', words, server))
    expect(await running.ended()).toBe(0)
    expect(running.lines).toEqual(printed)
  })

  it('works: a subscription', async () => {
    const server = await startManaged('', LOCATIONS)
    const id = await publish(server.port, 'octocat/hello', 'pushed')
    const running = start('example.mjs', example('js', 'builds', server))
    expect(await running.printed(1)).toEqual([`${id} octocat/hello pushed`])
  })

  it('works: callbacks', async () => {
    const server = await startManaged()
    const running = start('example.cjs', example('js', 'new HttpProxy', server))
    expect(await running.ended()).toBe(0)
    expect(running.lines).toEqual(['done'])
  })

  it.skipIf(missing)('works: PHP', async () => {
    const server = await startManaged()
    const folder = project()
    await run(['generate', 'php', '--out', join(folder, 'lib/fanfare')])
    const file = join(folder, 'example.php')
    writeFileSync(
      file,
      example('php', 'NodeRPC_Auth_Service', server).replace("'lib", `'${folder}/lib`),
    )
    const prelude = `auto_prepend_file=${resolve('test/php/prelude.php')}`
    const running = new Running('php', ['-d', prelude, file])
    expect(await running.ended()).toBe(0)
    expect(running.lines).toEqual(['not_connected: User not connected'])
  })
})
