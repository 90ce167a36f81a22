/** Commits as they are told to others, read with one git for any number of them. */
import { fieldsOf } from './fields.ts'
import type { Git, RunOptions } from './git.ts'

/** A file that a commit changed. */
export interface FileChange {
  readonly path: string
  readonly status: 'added' | 'modified' | 'deleted' | 'renamed' | 'copied' | 'type'
  /** Where it was before it was renamed or copied. */
  readonly from?: string
}

export interface Commit {
  readonly hash: string
  readonly author: string
  readonly email: string
  /** The author date as `git log` shows it: `Fri Nov 20 21:20:13 2026 +0000`. */
  readonly date: string
  /** ISO 8601 with offset. */
  readonly authored: string
  readonly committer: string
  readonly committerEmail: string
  readonly committed: string
  /** When it was committed, in unix seconds. */
  readonly timestamp: number
  readonly subject: string
  /** The whole message. */
  readonly log: string
  /** The message was cut. */
  readonly truncated: boolean
  /** The first of the changed files; `fileCount` says how many there are. */
  readonly files: readonly FileChange[]
  readonly fileCount: number
}

/** A commit by name, and what its files are compared with: none for a root. */
export interface Asked {
  readonly hash: string
  readonly parents: readonly string[]
}

export interface CommitLimits {
  /** Files of one commit. */
  readonly maxFiles: number
  /** Bytes of the message. */
  readonly maxMessageBytes: number
}

/** Bytes of all paths of one commit together: some have very long ones. */
const MAX_PATH_BYTES = 64 * 2 ** 10
/** Characters of a subject: some have all their text in one line. */
const MAX_SUBJECT = 500
/** The longest single field: a path, a name. */
const MAX_FIELD = 16 * 2 ** 10

const FORMAT = ['%H', '%an', '%ae', '%ad', '%aI', '%cn', '%ce', '%cI', '%ct', '%s', '%B']

/**
 * Plumbing reads next to none of the user's configuration; what it reads is said here. Renames are
 * looked for among 400 files at most, for that grows with the square.
 */
const ARGUMENTS = [
  '-c i18n.logOutputEncoding=UTF-8 -c core.quotePath=false diff-tree --stdin -r -z --root --always',
  '--raw --no-abbrev -M -C -l400 --no-color --no-ext-diff --no-textconv --encoding=UTF-8',
  '--ignore-submodules=none --date=default',
  `--format=tformat:${FORMAT.join('%x00')}%x00`,
].flatMap((line) => line.split(' '))

const STATUS: Readonly<Record<string, FileChange['status']>> = {
  A: 'added',
  D: 'deleted',
  R: 'renamed',
  C: 'copied',
  T: 'type',
}

/**
 * The commits in the order they are asked for; the files of a merge are those that differ from its
 * first parent.
 * @throws GitError
 */
export async function* readCommits(
  git: Git,
  asked: readonly Asked[],
  limits: CommitLimits,
  options: RunOptions = {},
): AsyncGenerator<Commit, void> {
  if (asked.length === 0) return
  const lines = asked.map(({ hash, parents }) => [hash, ...parents.slice(0, 1)].join(' '))
  const output = git.stream(ARGUMENTS, { ...options, input: `${lines.join('\n')}\n` })
  const most = Math.max(MAX_FIELD, limits.maxMessageBytes + 1)
  const reader = new Reader(limits)
  for await (const field of fieldsOf(output, most)) {
    const commit = reader.take(field)
    if (commit) yield commit
  }
  const last = reader.end()
  if (last) yield last
}

/** Puts fields together: those of FORMAT, an empty one, then `:modes … status` and paths. */
class Reader {
  readonly #limits: CommitLimits
  #head: Buffer[] = []
  #files: FileChange[] = []
  #fileCount = 0
  #pathBytes = 0
  /** Paths still to come of the file that is being read. */
  #paths: Buffer[] = []
  #status = ''

  constructor(limits: CommitLimits) {
    this.#limits = limits
  }

  /** @returns the commit before, when this field begins another */
  take(field: Buffer): Commit | undefined {
    if (this.#status !== '') this.#path(field)
    else if (this.#head.length > 0 && this.#head.length < FORMAT.length) this.#head.push(field)
    else if (isRaw(field)) this.#status = /([A-Z])\d*$/.exec(field.toString('latin1'))?.[1] ?? 'M'
    else if (field.length > 0) {
      const before = this.end()
      this.#head = [field]
      return before
    }
    return undefined
  }

  end(): Commit | undefined {
    if (this.#head.length < FORMAT.length) return undefined
    const [hash, author, email, date, authored, committer, committerEmail, committed, time] =
      this.#head.map((field) => textOf(field, false))
    const { maxMessageBytes } = this.#limits
    const message = this.#head.at(-1) as Buffer
    const truncated = message.length > maxMessageBytes
    const commit: Commit = {
      hash: hash ?? '',
      author: author ?? '',
      email: email ?? '',
      date: date ?? '',
      authored: authored ?? '',
      committer: committer ?? '',
      committerEmail: committerEmail ?? '',
      committed: committed ?? '',
      timestamp: Number(time),
      subject: cut(textOf(this.#head.at(-2) as Buffer, false), MAX_SUBJECT),
      log: textOf(message.subarray(0, maxMessageBytes), truncated).trimEnd(),
      truncated,
      files: this.#files,
      fileCount: this.#fileCount,
    }
    this.#head = []
    this.#files = []
    this.#fileCount = 0
    this.#pathBytes = 0
    return commit
  }

  #path(field: Buffer): void {
    this.#paths.push(field)
    const two = this.#status === 'R' || this.#status === 'C'
    if (this.#paths.length < (two ? 2 : 1)) return
    const path = this.#paths.at(-1) as Buffer
    const length = this.#paths.reduce((sum, { length: bytes }) => sum + bytes, 0)
    this.#fileCount++
    if (this.#files.length < this.#limits.maxFiles && this.#pathBytes + length <= MAX_PATH_BYTES) {
      this.#pathBytes += length
      this.#files.push({
        path: textOf(path, false),
        status: STATUS[this.#status] ?? 'modified',
        ...(two ? { from: textOf(this.#paths[0] as Buffer, false) } : {}),
      })
    }
    this.#paths = []
    this.#status = ''
  }
}

/** `:100644 100644 … M`; a line break stands before the first of a commit. */
function isRaw(field: Buffer): boolean {
  return field[0] === 0x3a || (field[0] === 0x0a && field[1] === 0x3a)
}

/** UTF-8; what is not becomes U+FFFD. Where the text was cut, half a character is left out. */
function textOf(bytes: Buffer, isCut: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut })
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text
  return `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…`
}
