import { unknownKey } from './check.ts'
import { type Problem, problemAt } from './problems.ts'
import { type Source, type Span, wholeOf } from './source.ts'
import {
  type Entry,
  type MapNode,
  type Node,
  type ScalarNode,
  withValue,
  emptyMap,
} from './tree.ts'

/** Where each setting of a `gitpubsub.cfg` goes; undefined: read by the original's hook alone. */
const KEYS: Readonly<Record<string, Readonly<Record<string, readonly string[] | undefined>>>> = {
  Server: { URL: undefined, port: ['feed', 'port'], IP: ['feed', 'address'] },
  General: {
    rootFolder: ['scan', 'rootFolder'],
    scanCriteria: ['scan', 'scanCriteria'],
    gitFolder: ['scan', 'gitFolder'],
  },
  Clients: { trustedPeers: ['trustedPeers'] },
}

/**
 * Reads an original `gitpubsub.cfg`: `[Section]` and `key: value` lines, in any case. What it does not
 * say keeps Fanfare's defaults, but for the address: GitPubSub listens on all interfaces.
 */
export function parseGitpubsub(source: Source): { root: MapNode; problems: Problem[] } {
  const problems: Problem[] = []
  const whole = wholeOf(source)
  const listen: ScalarNode = { kind: 'scalar', at: whole, value: '', plain: false }
  let root = withValue(emptyMap(whole), ['feed', 'address'], listen)
  let section = ''
  let scanned = false
  let start = 0
  for (const line of source.text.split('\n')) {
    const text = line
      .replace(/\r$/, '')
      .replace(/(^|\s)[#;].*$/, '$1')
      .trimEnd()
    const at = (from: number, length: number): Span => ({
      source,
      start: start + from,
      end: start + from + length,
    })
    const header = /^\s*\[\s*([^\]]*?)\s*\]$/.exec(text)
    const pair = /^(\s*)([\w.-]+)(\s*[:=]\s*)(.*)$/.exec(text)
    if (header) {
      section = matching(Object.keys(KEYS), header[1] ?? '') ?? ''
      if (section === '') {
        problems.push(unknownKey(at(0, text.length), '', header[1] ?? '', Object.keys(KEYS)))
      }
    } else if (pair) {
      const [, indent = '', name = '', separator = '', value = ''] = pair
      const keyAt = at(indent.length, name.length)
      const keys = KEYS[section] ?? {}
      const key = matching(Object.keys(keys), name)
      // A section that is not known was complained of already.
      if (key === undefined && section !== '') {
        problems.push(unknownKey(keyAt, `${section}.${name}`, name, Object.keys(keys)))
      }
      const path = key === undefined ? undefined : keys[key]
      const from = indent.length + name.length + separator.length
      const node = scalar(value, at(from, value.length))
      if (path && !isUnset(node)) {
        if (key === 'rootFolder') scanned = true
        root = put(root, path, keyAt, node)
      }
    } else if (text.trim() !== '') {
      const message = 'expected `[Section]` or `key: value`'
      problems.push(problemAt(at(0, text.length), '', message, { expected: 'key: value' }))
    }
    start += line.length + 1
  }
  // Without a folder to scan the rest says nothing.
  return { root: scanned ? root : without(root, 'scan'), problems }
}

function matching(names: readonly string[], text: string): string | undefined {
  return names.find((name) => name.toLowerCase() === text.toLowerCase())
}

function scalar(text: string, at: Span): ScalarNode {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : text
  return { kind: 'scalar', at, value, plain: false }
}

/** The sample says `rootFolder: false`, and leaves `gitFolder` empty. */
function isUnset({ value }: ScalarNode): boolean {
  return value === '' || value === 'false'
}

function put(root: MapNode, path: readonly string[], key: Span, value: Node): MapNode {
  const changed = withValue(root, path, value)
  const [first = '', ...rest] = path
  const entry = changed.entries.get(first)
  if (!entry) return changed
  const inner: Entry =
    rest.length > 0 && entry.value.kind === 'map'
      ? { key: entry.key, value: withKey(entry.value, rest[0] ?? '', key) }
      : { key, value: entry.value }
  return { ...changed, entries: new Map(changed.entries).set(first, inner) }
}

/** Mistakes are pointed at where the original's key stands. */
function withKey(map: MapNode, name: string, key: Span): MapNode {
  const entry = map.entries.get(name)
  if (!entry) return map
  return { ...map, entries: new Map(map.entries).set(name, { ...entry, key }) }
}

function without(root: MapNode, key: string): MapNode {
  const entries = new Map(root.entries)
  entries.delete(key)
  return { ...root, entries }
}
