import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/index.ts'
import { schema } from './fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'fanfare-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Buffer): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

function refused(file: string): string {
  try {
    loadConfig(schema, { file, env: {} })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('expected to be refused')
}

describe('a file', () => {
  it('is read as YAML, or as JSON by its name', () => {
    expect(loadConfig(schema, { file: write('a.yaml', 'port: 5'), env: {} }).config.port).toBe(5)
    expect(loadConfig(schema, { file: write('a.conf', 'port: 6'), env: {} }).config.port).toBe(6)
    const json = write('a.json', '{"port": 7}')
    expect(loadConfig(schema, { file: json, env: {} }).config.port).toBe(7)
  })

  it('may be empty', () => {
    expect(loadConfig(schema, { file: write('empty.json', ''), env: {} }).config.port).toBe(8080)
  })

  it('is named in messages as it was given', () => {
    const file = write('bad.yaml', '\nprot: 5')
    expect(refused(file)).toBe(`${file}:2:1: prot: unknown key; did you mean \`port\`?`)
  })

  it('has only what is wrong in its message, and not what is only odd', () => {
    const odd = 'locations: [{ type: publisher, prefix: /a/ }, { type: publisher, prefix: /a/b/ }]'
    const file = write('odd.yaml', `${odd}\nprot: 5`)
    expect(refused(file)).toBe(`${file}:2:1: prot: unknown key; did you mean \`port\`?`)
  })

  it('that is not there', () => {
    const file = join(folder, 'nowhere.yaml')
    expect(refused(file)).toBe(`${file}: there is no such file`)
  })

  it('that is a directory', () => {
    expect(refused(folder)).toBe(`${folder}: this is a directory; name a file in it`)
  })

  it('that cannot be read', () => {
    // Root may read everything; a path through a file is refused to everybody.
    const file = join(write('plain', ''), 'x')
    expect(refused(file)).toMatch(/^.*: cannot be read: ENOTDIR/)
  })

  it('over 1 MiB', () => {
    const file = write('large.yaml', '#'.repeat(2 ** 20 + 1))
    expect(refused(file)).toBe(`${file}: larger than 1 MiB: this is no configuration file`)
  })

  it('that is endless', () => {
    expect(refused('/dev/zero')).toContain('larger than 1 MiB')
  })

  it('that is not UTF-8', () => {
    const file = write('latin1.yaml', Buffer.from('port: 1\naddress: "\xe4"\n', 'latin1'))
    expect(refused(file)).toBe(`${file}:2:11: this byte is not UTF-8; save it as UTF-8`)
  })

  it('may be a pipe', () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    spawn('sh', ['-c', 'echo "port: 5" > "$1"', 'sh', pipe], { stdio: 'ignore' }).unref()
    expect(loadConfig(schema, { file: pipe, env: {} }).config.port).toBe(5)
  })
})
