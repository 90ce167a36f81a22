import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folder } from '../access/keyed.ts'
import { startServer } from '../support/server.ts'
import { run } from './cli-program.ts'

describe('fanfare key', () => {
  it('makes a key that is shown once, and works for publish until it is revoked', async () => {
    const cwd = folder()
    const made = await run(['key', 'create', 'ci', '--publish', 'builds/', '--expires', '90d'], {
      cwd,
    })
    expect(made).toMatchObject({ code: 0 })
    const key = made.stdout.trim()
    expect(key).toMatch(/^ffk_[\w-]{43}$/)
    const file = join(cwd, 'fanfare-data/keys.json')
    expect(readFileSync(file, 'utf8')).not.toContain(key.slice(4))
    expect(statSync(file).mode & 0o777).toBe(0o600)

    const { url } = await startServer(
      `trustedPeers: []\naccess: { keys: ${JSON.stringify(file)} }\n`,
    )
    const publish = (channel: string, env: Record<string, string>) =>
      run(['publish', channel, 'x', '-s', url], { cwd, env })
    expect((await publish('builds/1', { FANFARE_KEY: key })).code).toBe(0)
    const other = await publish('other', { FANFARE_KEY: key })
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('may not publish to "other"')
    expect(other.stderr).not.toContain(key)
    expect((await publish('builds/1', {})).code).toBe(1)

    const list = await run(['key', 'list', '--json'], { cwd })
    expect(JSON.parse(list.stdout)).toMatchObject([{ name: 'ci', publish: ['builds/'] }])
    expect(list.stdout).not.toContain('sha256')
    expect((await run(['key', 'revoke', 'ci'], { cwd })).stdout).toContain('revoked')
  })

  it.each([
    [['create', 'x'], 'say what it may do'],
    [['create', 'x', '--publish', '/', '--expires', 'soon'], '--expires takes'],
    [['revoke', 'nobody'], 'there is no key nobody'],
    [['show', 'nobody'], 'there is no key nobody'],
  ])('says what is wrong with %j', async (args, words) => {
    const { code, stderr } = await run(['key', ...args], { cwd: folder() })
    expect(code).toBe(1)
    expect(stderr).toContain(words)
  })
})

describe('fanfare access explain', () => {
  it('says who may do what, and by which rule', async () => {
    const cwd = folder()
    await run(['key', 'create', 'ci', '--publish', 'builds/'], { cwd })
    const explain = (...args: string[]) => run(['access', 'explain', ...args], { cwd })
    const yes = await explain('publish', 'builds/1', '--as', 'key:ci')
    expect(yes).toMatchObject({ code: 0 })
    expect(yes.stdout).toContain('by the rule "builds/"')
    expect(await explain('publish', 'other', '--as', 'key:ci')).toMatchObject({ code: 1 })
    expect(await explain('publish', 'other', '--from', '203.0.113.9')).toMatchObject({ code: 1 })
    const json = await explain('subscribe', 'news/', '--as', 'user:ann', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ allowed: true, rule: '/', source: 'users' })
    const unknown = await explain('publish', 'x', '--as', 'ffk_unknown')
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain('There is no such key')
  })
})
