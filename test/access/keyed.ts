import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { changeKeys, digestOf, type KeyRecord, newSecret } from '../../src/access/keys.ts'

/** A folder that is gone when the test has finished. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fanfare-keys-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const NOTHING: Omit<KeyRecord, 'id' | 'name' | 'sha256'> = {
  created: 0,
  publish: [],
  subscribe: [],
  history: [],
  presence: [],
  manage: false,
}

/** A file of keys. */
export class KeyFile {
  readonly path = join(folder(), 'keys.json')

  /** Makes a key, and gives it. History goes with subscribe. */
  make(name: string, may: Partial<KeyRecord>): string {
    const secret = newSecret()
    const history = may.subscribe ?? []
    const record = { ...NOTHING, id: name, name, sha256: digestOf(secret), history, ...may }
    changeKeys(this.path, (records) => [...records, record])
    return secret
  }

  revoke(name: string): void {
    changeKeys(this.path, (records) =>
      records.map((one) => (one.name === name ? { ...one, revoked: 1 } : one)),
    )
  }

  /** The line of the configuration. @param more of `access`, in YAML's flow form */
  yaml(more = ''): string {
    return `access: { keys: ${JSON.stringify(this.path)}${more === '' ? '' : `, ${more}`} }\n`
  }
}
