import { FanfareError } from '../../model/errors.ts'

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of disk space is used up',
  EROFS: 'the disk is read-only',
  EIO: 'the disk failed',
  EACCES: 'the server may not write there',
  EPERM: 'the server may not write there',
  EMFILE: 'the server has too many files open',
  ENFILE: 'the machine has too many files open',
}

/** A failure of the disk in words, with its code and where. */
export function wordsOf(error: unknown, path: string): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const words = WORDS[code]
  return words === undefined ? `${path}: ${message}` : `${path}: ${words} (${code})`
}

/**
 * What publishers are told; the store takes messages again by itself.
 * @param what was not done
 */
export function unavailable(
  error: unknown,
  path: string,
  what = 'The message was not stored',
): FanfareError {
  return new FanfareError('store_unavailable', `${what}: ${wordsOf(error, path)}. Try again later.`)
}
