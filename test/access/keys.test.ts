import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { changeKeys, KEY_PREFIX, KeysError, readKeys } from '../../src/access/keys.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { KeyFile } from './keyed.ts'

it('a file that is not there has no keys', () => {
  expect(readKeys(new KeyFile().path).records).toEqual([])
})

it('keeps digests, and nothing that a key could be made from; only its owner may read it', () => {
  const file = new KeyFile()
  const secret = file.make('ci', { publish: ['/'] })
  expect(secret).toMatch(new RegExp(`^${KEY_PREFIX}[\\w-]{43}$`))
  expect(readFileSync(file.path, 'utf8')).not.toContain(secret.slice(KEY_PREFIX.length))
  expect(statSync(file.path).mode & 0o777).toBe(0o600)
  expect(readKeys(file.path).find(secret)?.name).toBe('ci')
  expect(readKeys(file.path).find(`${secret}x`)).toBeUndefined()
})

it('two that change it at once do not lose one another’s', () => {
  const file = new KeyFile()
  file.make('a', {})
  changeKeys(file.path, (records) => {
    expect(() => changeKeys(file.path, (all) => all)).toThrow(/another `fanfare key` is at work/)
    return records
  })
  expect(existsSync(`${file.path}.new`)).toBe(false)
})

it.each(['', '{', '[]', '{"version":2,"keys":[]}', '{"version":1,"keys":[{"name":"x"}]}'])(
  'is not guessed at when it is damaged: %s',
  async (text) => {
    const file = new KeyFile()
    writeFileSync(file.path, text, { mode: 0o600 })
    expect(() => readKeys(file.path)).toThrow(KeysError)
    await expect(startServer(file.yaml())).rejects.toThrow(file.path)
  },
)

it('is not guessed at when a key was made at no time', () => {
  const file = new KeyFile()
  file.make('a', {})
  writeFileSync(
    file.path,
    readFileSync(file.path, 'utf8').replace('"created": 0', '"created": 1e400'),
  )
  expect(() => readKeys(file.path)).toThrow(KeysError)
})

it('is not believed when others can write to it', () => {
  const file = new KeyFile()
  file.make('a', {})
  chmodSync(file.path, 0o620)
  expect(() => readKeys(file.path)).toThrow(/chmod 600/)
})

it('is read again when it changes; what cannot be read changes nothing', async () => {
  const file = new KeyFile()
  const first = file.make('first', { publish: ['/'] })
  const { port, errors } = await startServer(file.yaml())
  const post = async (key: string): Promise<number> => {
    const headers = { Authorization: `Bearer ${key}` }
    return (await request(port, 'POST', '/publisher/c', headers, 'x')).status
  }
  expect(await post(first)).toBe(202)

  const second = file.make('second', { publish: ['/'] })
  let status = 0
  const settled = setInterval(() => void post(second).then((now) => (status = now)), 50)
  await until(() => status === 202, 'the new key is known')
  clearInterval(settled)

  const good = readFileSync(file.path)
  writeFileSync(file.path, '{')
  await until(() => errors.length > 0, 'the damage is told')
  expect(String(errors[0])).toContain(file.path)
  expect(await post(first)).toBe(202)
  writeFileSync(file.path, good)
  errors.length = 0
})
