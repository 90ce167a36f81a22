import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Clock } from '../../../src/model/clock.ts'
import { FileStore } from '../../../src/stores/file/file-store.ts'
import { type Files, realFiles } from '../../../src/stores/file/files.ts'
import { type FileOptions, UNBOUNDED } from '../../../src/stores/file/options.ts'
import { type FakeTime, Subject } from '../contract/harness.ts'

/** A folder of its own, gone when the test has finished. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-store-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A file store under test. */
export class FileSubject extends Subject {
  readonly file: FileStore
  /** What it said at its start and since. */
  readonly reports: readonly string[]

  constructor(file: FileStore, time: FakeTime, reports: readonly string[]) {
    super(file, time)
    this.file = file
    this.reports = reports
  }
}

/** Opens a folder as a new process does, with a clock of its own; closed when the test has finished. */
export function open(
  path: string,
  time: FakeTime,
  options: Partial<FileOptions> = {},
  files: Files = realFiles,
): FileSubject {
  const reports: string[] = []
  const report = (text: string): void => void reports.push(text)
  const clock = new Clock(() => time.ms)
  const file = new FileStore(path, { ...UNBOUNDED, report, ...options }, clock, files)
  onTestFinished(() => file.close())
  return new FileSubject(file, time, reports)
}

/** The log's files, oldest first. */
export function logsOf(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(path, name))
}

/** Changes a file's bytes. */
export function rewrite(path: string, change: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(path)
  writeFileSync(path, change(bytes) ?? bytes)
}

type Fault = (method: keyof Files) => string | undefined

/** The real disk, with errors where a test wants them. */
export class FaultyFiles implements Files {
  /** Answers the error code that a call is to fail with, if it is to fail. */
  fault: Fault = () => undefined
  /** The most bytes that one write takes. */
  mostBytes = Number.POSITIVE_INFINITY
  /** Writes take this many bytes in all before the disk is full. */
  room = Number.POSITIVE_INFINITY
  calls = 0

  /** Fails these calls with this code until told otherwise. */
  fail(code: string, ...methods: (keyof Files)[]): void {
    this.fault = (method) => (methods.includes(method) ? code : undefined)
  }

  heal(): void {
    this.fault = () => undefined
    this.room = Number.POSITIVE_INFINITY
  }

  async #try<T>(method: keyof Files, work: () => Promise<T>): Promise<T> {
    this.calls++
    const code = this.fault(method)
    if (code !== undefined) throw Object.assign(new Error(`injected ${code}`), { code })
    return work()
  }

  open(path: string, flags: string): Promise<number> {
    return this.#try('open', () => realFiles.open(path, flags))
  }

  write(fd: number, from: Buffer, offset: number, length: number, at: number): Promise<number> {
    return this.#try('write', async () => {
      if (this.room === 0) throw Object.assign(new Error('injected'), { code: 'ENOSPC' })
      const some = Math.min(length, this.mostBytes, this.room)
      const count = await realFiles.write(fd, from, offset, some, at)
      this.room -= count
      return count
    })
  }

  read(fd: number, into: Buffer, offset: number, length: number, at: number): Promise<number> {
    const some = Math.min(length, this.mostBytes)
    return this.#try('read', () => realFiles.read(fd, into, offset, some, at))
  }

  sync(fd: number): Promise<void> {
    return this.#try('sync', () => realFiles.sync(fd))
  }

  truncate(fd: number, length: number): Promise<void> {
    return this.#try('truncate', () => realFiles.truncate(fd, length))
  }

  close(fd: number): Promise<void> {
    return this.#try('close', () => realFiles.close(fd))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#try('rename', () => realFiles.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#try('remove', () => realFiles.remove(path))
  }

  syncFolder(path: string): Promise<void> {
    return this.#try('syncFolder', () => realFiles.syncFolder(path))
  }
}
