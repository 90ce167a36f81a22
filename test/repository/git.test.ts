import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fieldsOf, linesOf } from '../../src/repository/fields.ts'
import { Gate } from '../../src/repository/gate.ts'
import { Git } from '../../src/repository/git.ts'
import { temporaryFolder } from './git-repository.ts'

/** Something else that is called git. */
function fakeGit(script: string): void {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'git'), 0o755)
  const path = process.env['PATH'] ?? ''
  process.env['PATH'] = `${folder}:${path}`
  onTestFinished(() => {
    process.env['PATH'] = path
  })
}

async function* pieces(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text, 'latin1')
}

async function all<T>(source: AsyncIterable<T>): Promise<string[]> {
  const found: string[] = []
  for await (const one of source) found.push(String(one))
  return found
}

describe('running git', () => {
  it('gives arguments and input as they are, and no variables of a hook to a named repository', async () => {
    fakeGit('echo "$GIT_DIR|$GIT_ALLOW_PROTOCOL|$1|$2"; cat')
    process.env['GIT_DIR'] = '/hook'
    onTestFinished(() => {
      delete process.env['GIT_DIR']
    })
    const ofNamed = await new Git({ gitDir: '/a b' }).read(['$(x) *'], { input: 'in' })
    expect(String(ofNamed)).toBe('|none|--git-dir=/a b|$(x) *\nin')
    const ofHook = await new Git().read(['$(x) *'], { input: 'in' })
    expect(String(ofHook)).toBe('/hook|none|$(x) *|\nin')
  })

  it('says in a line why it failed', async () => {
    fakeGit('echo "fatal: no" >&2; echo more >&2; exit 128')
    await expect(new Git().read(['x'])).rejects.toThrow(/^git x: fatal: no$/)
    await expect(new Git().read(['x'], { codes: [0, 128] })).resolves.toHaveLength(0)
  })

  it('is killed when its time is over', async () => {
    fakeGit('exec sleep 60')
    const began = performance.now()
    const reading = new Git().read(['x'], { until: began + 100 })
    await expect(reading).rejects.toThrow('git x took too long')
    expect(performance.now() - began).toBeLessThan(5000)
  })

  it('is killed on a signal, and not even begun after one', async () => {
    fakeGit('echo up; exec sleep 60')
    const abort = new AbortController()
    const output = new Git({ signal: abort.signal }).stream(['x'])
    await output.next()
    abort.abort()
    await expect(output.next()).rejects.toThrow('stopped')
    await expect(new Git({ signal: abort.signal }).read(['x'])).rejects.toThrow('stopped')
  })

  it('is killed when nobody reads on, and gives its place to the next', async () => {
    fakeGit('echo up; [ "$1" = stay ] && exec sleep 60; exit 0')
    const git = new Git({ gate: new Gate(1) })
    for await (const piece of git.stream(['stay'])) {
      expect(String(piece)).toBe('up\n')
      break
    }
    expect(String(await git.read(['go']))).toBe('up\n')
  })

  it('says no more than it may', async () => {
    fakeGit('yes | head -c 100000')
    await expect(new Git().read(['x'], { maxBytes: 1000 })).rejects.toThrow('more than 1000 bytes')
  })
})

describe('a gate', () => {
  it('lets so many in, and the others in their order', async () => {
    const gate = new Gate(2)
    const inside: number[] = []
    const entered = [1, 2, 3, 4].map((n) => gate.enter().then(() => inside.push(n)))
    await Promise.all(entered.slice(0, 2))
    expect(inside).toEqual([1, 2])
    gate.leave()
    await entered[2]
    expect(inside).toEqual([1, 2, 3])
    gate.leave()
    await entered[3]
    expect(inside).toEqual([1, 2, 3, 4])
  })
})

describe('output', () => {
  it('is cut into fields wherever it was split, and long ones are cut off', async () => {
    expect(await all(fieldsOf(pieces('a\0', 'b', 'c\0\0d', 'ef', 'g\0h'), 3))).toEqual([
      'a',
      'bc',
      '',
      'def',
      'h',
    ])
  })

  it('is cut into lines wherever it was split', async () => {
    expect(await all(linesOf(pieces('a\nb', 'c\n', '\nd\xe9')))).toEqual(['a', 'bc', '', 'd\xe9'])
  })
})
