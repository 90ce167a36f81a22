import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { curveKeyPair } from 'zeromq'
import { readKeys } from '../../src/access/keys.ts'
import { curveKeyOf } from '../../src/protocols/sparkleshare/zeromq/curve.ts'
import { folder, KeyFile } from '../access/keyed.ts'
import { startSparkleshare } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { MAIN, Running, run } from './cli-program.ts'

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

describe('fanfare key curve', () => {
  it('shows the public key that the server will have', async () => {
    const cwd = folder()
    const made = await run(['key', 'curve'], { cwd })
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const file = join(cwd, 'fanfare-data/zeromq.key')
    expect(made.stdout.trim()).toBe(curveKeyOf(file).public)
    const again = await run(['key', 'curve', '--json'], { cwd })
    expect(JSON.parse(again.stdout)).toMatchObject({ public: made.stdout.trim() })
    const none = await run(['key', 'curve', '--file', '.'], { cwd })
    expect(none.code).toBe(1)
  })

  it('names whose public key it is, once', async () => {
    const cwd = folder()
    const { publicKey } = curveKeyPair()
    const create = (name: string, key: string) =>
      run(['key', 'create', name, '--publish', '/', '--curve', key], { cwd })
    expect((await create('tool', publicKey)).code).toBe(0)
    expect((await run(['key', 'show', 'tool'], { cwd })).stdout).toContain(publicKey)
    expect((await create('other', publicKey)).stderr).toContain("that public key is tool's")
    expect((await create('other', 'short')).stderr).toContain('40 characters of Z85')
    expect((await run(['key', 'revoke', 'tool'], { cwd })).code).toBe(0)
    expect((await create('other', publicKey)).code).toBe(0)
    expect(readKeys(join(cwd, 'fanfare-data/keys.json')).findCurve(publicKey)?.name).toBe('other')
  })
})

describe('publish and watch over ZeroMQ', () => {
  it('show the key that the command line or the URL has, and say when it is refused', async () => {
    const file = new KeyFile()
    const secret = file.make('tool', { publish: ['x'], subscribe: ['x'] })
    const { broadcast, command, server } = await startSparkleshare(
      'zeromq: { broadcast: 0, command: 0, security: plain }',
      `trustedPeers: []\n${file.yaml()}`,
    )
    const url = `zmq://tool:${secret}@127.0.0.1:${broadcast}/x`
    const watcher = new Running('node', [MAIN, 'watch', url, '--count', '1'])
    await until(() => server.hub().receivers('x' as never) === 1, 'it watches')
    const target = `zmq://127.0.0.1:${command}/x`
    expect((await run(['publish', target, 'r1', '--access-key', secret])).code).toBe(0)
    expect(await watcher.ended()).toBe(0)
    expect(watcher.stdout).toContain('r1')
    for (const args of [
      ['publish', target, 'r2', '--access-key', `${secret}x`],
      ['watch', `zmq://tool:x@127.0.0.1:${broadcast}/x`],
    ]) {
      const wrong = await run(args)
      expect(wrong.code).toBe(1)
      expect(wrong.stderr).toContain('the server refuses this key')
    }
    for (const args of [
      ['publish', target, 'r3'],
      ['watch', `zmq://127.0.0.1:${broadcast}/x`],
    ]) {
      const keyless = await run(args)
      expect(keyless.code).toBe(1)
      expect(keyless.stderr).toContain('with PLAIN a key, as --access-key')
    }
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
    const past = await explain('history', 'builds/1', '--as', 'key:ci')
    expect(past.stdout).toContain('the key "ci" may not read the history of "builds/1"')
    const nowhere = await explain('publish', 'x', '--from', 'the office')
    expect(nowhere).toMatchObject({ code: 1, stdout: '' })
    expect(nowhere.stderr).toContain('--from takes an address')
    const json = await explain('subscribe', 'news/', '--as', 'user:ann', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ allowed: true, rule: '/', source: 'users' })
    const unknown = await explain('publish', 'x', '--as', 'ffk_unknown')
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toContain('There is no such key')
  })
})
