/** What is never done in this program: code made of text, and commands read by a shell. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** What would make code of a text, or have a shell read one. */
const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['eval', /\beval\s*\(/],
  ['new Function', /\bnew\s+Function\b|[^.\w]Function\s*\(/],
  ['vm', /['"](?:node:)?vm['"]/],
  ['exec', /\bexecSync\b|[\s{,]exec\s*[,}(](?=.*child_process)|child_process.*[\s{,]exec[\s,}]/],
  ['a shell', /\bshell\s*:/],
  ['a timer that is given text', /\bset(?:Timeout|Interval)\s*\(\s*['"`]/],
]

/**
 * Where other programs are run, each by its name and a list of arguments: what a name, a message or a URL holds is
 * never read by a shell.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  'src/repository/git.ts': 'spawn: git, which reads commits',
  'src/cli/listen-daemon.ts': 'spawn, execFileSync: this program itself, and ps',
  'src/cli/listen-notifier.ts': "execFile: the desktop's notifications, and xdg-open",
  'src/cli/systemd.ts': 'execFile: systemd-notify, where systemd has started it',
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file))
}

function findingsIn(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  return FORBIDDEN.filter(([, pattern]) => pattern.test(code)).map(([what]) => what)
}

it.each(['src', 'console'])('%s makes no code of text, and asks no shell', (folder) => {
  const files = filesOf(folder)
  const found = files.flatMap((file) =>
    findingsIn(readFileSync(file, 'utf8')).map((what) => `${file}: ${what}`),
  )

  expect(files.length).toBeGreaterThan(10)
  expect(found).toEqual([])
})

it('runs other programs in these places alone', () => {
  const places = filesOf('src').filter((file) =>
    /['"](?:node:)?child_process['"]/.test(readFileSync(file, 'utf8')),
  )

  expect(places.toSorted()).toEqual(Object.keys(PROGRAMS).toSorted())
})

it.each([
  ["eval('1')", 'eval'],
  ["new Function('a', 'b')", 'new Function'],
  ["import { Script } from 'node:vm'", 'vm'],
  ["import { exec } from 'node:child_process'", 'exec'],
  ["import { exec, spawn } from 'child_process'", 'exec'],
  ["spawn('git', [], { shell: true })", 'a shell'],
  ["setTimeout('code()', 5)", 'a timer that is given text'],
])('would notice %s', (code, what) => {
  expect(findingsIn(code)).toEqual([what])
})
