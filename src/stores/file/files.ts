import * as fs from 'node:fs'
import { promisify } from 'node:util'

/** What the store asks of the disk while it runs; tests give one that fails. */
export interface Files {
  open(path: string, flags: string): Promise<number>
  /** @returns how many bytes were taken; that may be less than `length` */
  write(fd: number, from: Buffer, offset: number, length: number, at: number): Promise<number>
  /** @returns how many bytes were read; less than `length` at the end of the file */
  read(fd: number, into: Buffer, offset: number, length: number, at: number): Promise<number>
  /** Resolves once all that was written stands on the disk. */
  sync(fd: number): Promise<void>
  truncate(fd: number, length: number): Promise<void>
  close(fd: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes the names of new and removed files of a folder durable. */
  syncFolder(path: string): Promise<void>
}

const open = promisify(fs.open)
const fsync = promisify(fs.fsync)
const close = promisify(fs.close)

export const realFiles: Files = {
  open: (path, flags) => open(path, flags),
  write: (fd, from, offset, length, at) =>
    new Promise((resolve, reject) => {
      fs.write(fd, from, offset, length, at, (error, count) => {
        if (error) reject(error)
        else resolve(count)
      })
    }),
  read: (fd, into, offset, length, at) =>
    new Promise((resolve, reject) => {
      fs.read(fd, into, offset, length, at, (error, count) => {
        if (error) reject(error)
        else resolve(count)
      })
    }),
  sync: promisify(fs.fdatasync),
  truncate: promisify(fs.ftruncate),
  close,
  rename: promisify(fs.rename),
  remove: promisify(fs.unlink),
  syncFolder: async (path) => {
    // Windows has no such thing.
    if (process.platform === 'win32') return
    const fd = await open(path, 'r')
    try {
      await fsync(fd)
    } finally {
      await close(fd)
    }
  },
}

/** Writes all of it, however little is taken at a time. */
export async function writeAll(
  files: Files,
  fd: number,
  bytes: Buffer,
  length: number,
  at: number,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const count = await files.write(fd, bytes, done, length - done, at + done)
    if (count === 0) throw Object.assign(new Error('the disk takes no bytes'), { code: 'EIO' })
    done += count
  }
}

/** Reads all of it; answers how many bytes there were. */
export async function readAll(
  files: Files,
  fd: number,
  into: Buffer,
  length: number,
  at: number,
): Promise<number> {
  let done = 0
  while (done < length) {
    const count = await files.read(fd, into, done, length - done, at + done)
    if (count === 0) break
    done += count
  }
  return done
}
