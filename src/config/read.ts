import { closeSync, openSync, readSync } from 'node:fs'
import { isUtf8 } from 'node:buffer'
import { ConfigError, type Problem, problemAt, problemOf } from './problems.ts'
import type { Source } from './source.ts'

/** Far more than any configuration; a log file given by mistake is refused at once. */
export const MAX_FILE_BYTES = 2 ** 20

/**
 * Reads a configuration file; pipes such as `/dev/stdin` are read to their end.
 * @throws ConfigError when it is not there, cannot be read, is over 1 MiB or is not UTF-8
 */
export function readSource(file: string): Source {
  let bytes: Buffer
  try {
    bytes = readBounded(file)
  } catch (error) {
    throw new ConfigError([problemOf(file, reasonOf(error))])
  }
  if (bytes.length > MAX_FILE_BYTES) throw new ConfigError([tooLarge(file)])
  const source: Source = { name: file, kind: 'file', text: bytes.toString('utf8') }
  if (!isUtf8(bytes)) throw new ConfigError([notUtf8(source)])
  return source
}

/** The problem of a text that is larger than a configuration may be. */
export function tooLarge(file: string): Problem {
  return problemOf(file, 'larger than 1 MiB: this is no configuration file')
}

function readBounded(file: string): Buffer {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null)
      if (count === 0) break
      length += count
    }
    return buffer.subarray(0, length)
  } finally {
    closeSync(descriptor)
  }
}

function notUtf8(source: Source): Problem {
  // Where decoding failed there is a replacement character (or, rarely, one that was written).
  const start = Math.max(0, source.text.indexOf('\ufffd'))
  return problemAt(
    { source, start, end: start + 1 },
    '',
    'this byte is not UTF-8; save it as UTF-8',
  )
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'this is a directory; name a file in it'
    case 'EACCES':
    case 'EPERM':
      return 'this file may not be read by this user'
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}
