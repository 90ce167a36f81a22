/** The scripts that docs/reliability.md tells of, for some seconds: what runs for an hour may not fail in its last. */
import { execFile } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')
/** ms: they wait for what is under way, on a machine that may do much else. */
const PATIENCE = 400_000

interface Ended {
  readonly code: number
  readonly output: string
}

/** Runs a script of this project with arguments, without a shell. */
function script(name: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE, maxBuffer: 2 ** 24 }
    execFile(process.execPath, [name, '--no-build', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr })
    })
  })
}

describe('chaos, for a moment', () => {
  it(
    'loses, doubles and reorders nothing that was acknowledged, at any door',
    async () => {
      const only = missing.some((program) => program.startsWith('redis')) ? ['--only', 'file'] : []

      const { code, output } = await script('scripts/chaos.mjs', '--quick', '--seed', '1', ...only)

      expect(output).toContain('No acknowledged message was lost')
      expect(output).toMatch(/\| file store \| redis XREAD \| 2 \| \d+ \| [1-9]\d* \| 0 \| 0 \| 0 /)
      expect(code).toBe(0)
    },
    PATIENCE,
  )

  it(
    'notices what is lost: a server that forgets its log',
    async () => {
      const args = ['--minutes', '0.1', '--only', 'file', '--sabotage', '--seed', '2']

      const { code, output } = await script('scripts/chaos.mjs', ...args)

      expect(output).toMatch(/"lostCount":[1-9]/)
      expect(code).toBe(1)
    },
    PATIENCE,
  )
})

describe('a soak, for a moment', () => {
  it(
    'uses every door, and tells of memory, files and the event loop',
    async () => {
      const { output } = await script('scripts/soak.mjs', '--minutes', '0.1', '--every', '1')

      expect(output).toMatch(/\| resident memory \| \d+\.\d MiB \| \d+\.\d MiB \|/)
      expect(output).toMatch(/\| open files \| \d+ \| \d+ \|/)
      expect(output).toMatch(/"published":[1-9]\d*,.*"heard":[1-9]\d*/)
      expect(output).not.toContain('has ended')
    },
    PATIENCE,
  )
})
