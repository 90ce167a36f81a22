import { basename, dirname } from 'node:path'
import type { Git, RunOptions } from './git.ts'

/** The name of a folder: `repo.git` of a bare repository, `repo` of `repo/.git`. */
export function projectOf(gitDir: string): string {
  return basename(basename(gitDir) === '.git' ? dirname(gitDir) : gitDir)
}

/**
 * What `git config` says of `fanfare.…`, by the rest of the key; the last of several.
 * @throws GitError
 */
export async function readSettings(
  git: Git,
  options: RunOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const args = ['config', '-z', '--get-regexp', String.raw`^fanfare\.`]
  // 1: there is nothing of ours.
  const said = await git.read(args, { ...options, codes: [0, 1] })
  const entries = said.toString('utf8').split('\0').slice(0, -1)
  return new Map(
    entries.flatMap((entry) => {
      const [key = '', ...value] = entry.split('\n')
      const text = value.join('\n').trim()
      return text === '' ? [] : [[key.slice('fanfare.'.length), text] as const]
    }),
  )
}
