import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { luaPattern } from '../../../src/protocols/scan/lua-pattern.ts'
import { Scanner, type ScannerOptions } from '../../../src/protocols/scan/scanner.ts'
import { StateFile } from '../../../src/protocols/scan/state.ts'
import { GIT_ENV, temporaryFolder, TestRepository } from '../../repository/git-repository.ts'

/** A folder of bare repositories that is scanned, and a working copy to push from. */
export class ScanRig {
  readonly folder = temporaryFolder()
  readonly root = join(this.folder, 'repositories')
  readonly state = join(this.folder, 'state/scan.json')
  readonly work = new TestRepository(join(this.folder, 'work'))
  /** What was announced, oldest first: `project ref log`. */
  readonly events: string[] = []
  readonly errors: string[] = []

  constructor() {
    execFileSync('mkdir', ['-p', this.root])
    this.work.commit('first')
  }

  /** A bare copy of the working copy. */
  clone(name = 'x.git'): string {
    const path = join(this.root, name)
    execFileSync('git', ['clone', '-q', '--bare', this.work.path, path], { env: GIT_ENV })
    return path
  }

  push(name = 'x.git', ...refs: string[]): void {
    this.work.git(['push', '-q', '-f', join(this.root, name), ...(refs[0] ? refs : ['main'])])
  }

  async start(options: Partial<ScannerOptions> = {}): Promise<Scanner> {
    const scanner = new Scanner({
      rootFolder: this.root,
      criteria: luaPattern('%.git'),
      gitFolder: '',
      interval: 50,
      grace: 20,
      maxRepositories: 100,
      maxCommits: 100,
      state: new StateFile(this.state, this.root),
      publish: async (json) => this.keep(json),
      overheard: async () => [],
      onError: (error) => void this.errors.push(String(error)),
      ...options,
    })
    onTestFinished(() => scanner.stop())
    await scanner.start()
    return scanner
  }

  keep(json: string): void {
    const { commit } = JSON.parse(json) as { commit: Record<string, string> }
    this.events.push(`${commit['project']} ${commit['ref']} ${commit['log']}`)
  }
}
