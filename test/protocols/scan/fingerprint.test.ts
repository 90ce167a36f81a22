import { appendFileSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../../src/protocols/scan/fingerprint.ts'
import { TestRepository } from '../../repository/git-repository.ts'

/** Makes everything look as if it had been so for long. */
function age(gitDir: string): void {
  for (const name of ['HEAD', 'packed-refs', 'refs']) {
    try {
      utimesSync(join(gitDir, name), 1, 1)
    } catch {
      // There need not be all of them.
    }
  }
  for (const name of readdirSync(join(gitDir, 'refs'), { recursive: true, encoding: 'utf8' })) {
    utimesSync(join(gitDir, 'refs', name), 1, 1)
  }
}

function repository(): { work: TestRepository; gitDir: string } {
  const work = new TestRepository()
  work.commit('first')
  const gitDir = join(work.path, '.git')
  age(gitDir)
  return { work, gitDir }
}

describe('a fingerprint', () => {
  it('stays the same while no ref changes', async () => {
    const { work, gitDir } = repository()
    const before = await fingerprintOf(gitDir)
    work.write('a', 'b')
    work.git(['add', '-A'])
    expect(await fingerprintOf(gitDir)).toEqual({ ...before, fresh: false })
  })

  it.each([
    ['a commit', (work: TestRepository) => void work.commit('second')],
    ['a branch', (work: TestRepository) => void work.git(['branch', 'deep/er'])],
    ['a tag', (work: TestRepository) => void work.git(['tag', 'v1'])],
    ['a deletion', (work: TestRepository) => void work.git(['branch', '-D', 'other'])],
    ['packing', (work: TestRepository) => void work.git(['pack-refs', '--all'])],
    [
      'a ref written in place',
      (work: TestRepository) => {
        appendFileSync(join(work.path, '.git/refs/heads/other'), '\n')
        utimesSync(join(work.path, '.git/refs/heads/other'), 1, 1)
      },
    ],
  ])('changes with %s', async (_, change) => {
    const { work, gitDir } = repository()
    work.git(['branch', 'other'])
    age(gitDir)
    const before = await fingerprintOf(gitDir)
    change(work)
    expect((await fingerprintOf(gitDir)).text).not.toBe(before.text)
  })

  it('is not to be trusted right after a change', async () => {
    const { work, gitDir } = repository()
    expect((await fingerprintOf(gitDir)).fresh).toBe(false)
    work.commit('second')
    expect((await fingerprintOf(gitDir)).fresh).toBe(true)
  })

  it('cannot be had of what is no repository', async () => {
    const { gitDir } = repository()
    rmSync(join(gitDir, 'HEAD'))
    await expect(fingerprintOf(gitDir)).rejects.toThrow('ENOENT')
  })
})
