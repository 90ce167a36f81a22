import { defaultOf } from './check.ts'
import { describeShape } from './describe.ts'
import { type ConfigSchema, envName } from './schema.ts'
import type { Shape } from './shape.ts'

type Options = Readonly<Record<string, Shape>>

/**
 * When another value of a key holds after a reload: for everybody; for what begins from then on; once the port, door or
 * store that it is of has begun anew beside the one that runs; once the process is started again.
 */
export type Reload = 'at once' | 'new connections' | 'begun anew' | 'next start'

/** What the server knows of that. */
export interface Reloads {
  key(path: readonly string[]): Reload
  storeKey(type: string, key: string): Reload
  readonly locationKey: Reload
}

/** docs/configuration.md: every key with its type, default, example and meaning, from the schema itself. */
export function configReference(schema: ConfigSchema, reloads: Reloads): string {
  const { locations, store, ...keys } = schema.keys
  const plain = Object.entries(keys).filter(([, shape]) => shape.type !== 'object')
  const reload = (path: readonly string[]): Reload => reloads.key(path)
  const parts = [INTRODUCTION, table(Object.fromEntries(plain), { path: [], env: true, reload })]
  for (const group of [true, false]) {
    for (const [name, shape] of Object.entries(keys)) {
      if ((shape.type === 'object') !== group) continue
      parts.push(...sections(shape, { path: [name], title: name, level: 2, env: true, reload }))
    }
  }
  parts.push('## store', store?.description ?? '', STORES)
  for (const [type, options] of Object.entries(schema.storeTypes)) {
    const own = (path: readonly string[]): Reload => reloads.storeKey(type, path[0] ?? '')
    parts.push(`### type: ${type}`, table(options, { path: [], env: false, reload: own }))
    for (const [name, shape] of Object.entries(options)) {
      const title = `${name} (${type})`
      parts.push(...sections(shape, { path: [name], title, level: 4, env: false, reload: own }))
    }
  }
  parts.push('## locations', locations?.description ?? '', LOCATIONS)
  const places: Place = { path: [], env: false, reload: () => reloads.locationKey }
  parts.push('### every type', table(commonOf(schema), places))
  for (const [type, options] of Object.entries(schema.locationTypes)) {
    parts.push(`### type: ${type}`, table(options, places))
  }
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

interface Place {
  /** The keys above. */
  readonly path: readonly string[]
  /** They can be set by environment variables. */
  readonly env: boolean
  readonly reload: (path: readonly string[]) => Reload
}

/** The options of a map, and of the maps within it. */
function sections(
  shape: Shape,
  { title, level, ...place }: Place & { readonly title: string; readonly level: number },
): string[] {
  const { map, suffix } = mapOf(shape)
  if (!map?.properties || Object.keys(map.properties).length === 0) return []
  // What has no name of its own has no variable of its own either.
  const inside = { ...place, env: place.env && suffix === '' }
  const inner = Object.entries(map.properties).flatMap(([name, option]) =>
    sections(option, {
      ...inside,
      path: [...place.path, name],
      title: `${title}${suffix}.${name}`,
      level: Math.min(level + 1, 6),
    }),
  )
  const heading = `${'#'.repeat(level)} ${title}${suffix}`
  return [`${heading}\n\n${shape.description ?? ''}`, table(map.properties, inside), ...inner]
}

/** The map that a key holds: itself, each of a list, or each by a name of the user's own. */
function mapOf(shape: Shape): { map: Shape | undefined; suffix: string } {
  const own = shape.properties ? shape : shape.anyOf?.find((branch) => branch.properties)
  if (own) return { map: own, suffix: '' }
  if (shape.items?.properties) return { map: shape.items, suffix: '[]' }
  const [named] = Object.values(shape.patternProperties ?? {})
  return { map: named?.properties ? named : undefined, suffix: '.NAME' }
}

/** What every location takes, whatever its type. */
function commonOf({ keys, locationTypes }: ConfigSchema): Options {
  const [first] = keys['locations']?.items?.anyOf ?? []
  const own = locationTypes[first?.title ?? ''] ?? {}
  return Object.fromEntries(
    Object.entries(first?.properties ?? {})
      .filter(([name]) => !Object.hasOwn(own, name))
      .map(([name, shape]) => [
        name,
        name === 'type' ? { ...shape, const: undefined, enum: Object.keys(locationTypes) } : shape,
      ]),
  )
}

function table(options: Options, { path, env, reload }: Place): string {
  const rows = Object.entries(options).map(([name, shape]) => {
    const cells = [
      `\`${name}\``,
      codeOf(defaultOf(shape)),
      codeOf(shape.examples?.[0]),
      describeShape(shape),
      shape.description ?? '',
      reload([...path, name]),
      ...(env ? [`\`${envName([...path, name])}\``] : []),
    ]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  const head = ['key', 'default', 'example', 'takes', 'meaning', 'reload']
  const all = env ? [...head, 'environment'] : head
  return [`| ${all.join(' | ')} |`, `|${' --- |'.repeat(all.length)}`, ...rows].join('\n')
}

function codeOf(value: unknown): string {
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from the schema; changes here are lost. -->

One YAML or JSON file: \`npm start -- --config FILE\`, or \`fanfare serve --config FILE\`. hbpush's files work as
they are, and so does a \`gitpubsub.cfg\`. Without a file, the defaults below hold. \`fanfare config check FILE\` says whether a file can be
used, and where not; \`fanfare config schema\` prints a JSON Schema for editors.

Command-line options go before environment variables, and those before the file. An environment variable's
value is read as YAML, so that \`FANFARE_TRUSTED_PEERS='[10.0.0.0/8, 127.0.0.1]'\` is a list.

Durations are seconds as a number, or text such as \`90s\`, \`15m\`, \`48h\`, \`7d\`. Sizes are bytes as a number, or
text such as \`64KiB\` and \`8MiB\` (k is 1024).

A file that changes is read again, as it is at SIGHUP ([operations.md](operations.md)). The column \`reload\` says when another value
of a key holds then:

| reload | |
| --- | --- |
| at once | for everybody, and for connections that are open |
| new connections | for the connections, requests and logins that begin from then on; what is open goes on as it began |
| begun anew | the port, door or store that it belongs to is begun anew; nothing else notices. Connections of a port that is given up stay; clients of a store that another has replaced are let go |
| next start | when the process is started again; a reload says so, and goes on with what it had |`

const STORES = `One store (a map with a \`type\`), which is then named \`default\`; or several by name. Without
this key it is \`{ type: file }\`, in the folder \`fanfare-data\` of the working directory; \`{ type: memory }\` forgets
everything with the process.

    store:
      default: { type: memory }
      builds: { type: memory, max_messages: 1000, message_timeout: 1h }

Each store is a space of channels of its own. \`FANFARE_STORE__MAX_MESSAGES\` sets an option of a single store.`

const LOCATIONS = `A list, tried in order: the first whose path matches has the request. Given locations replace all
default ones. A location that an earlier one hides is warned of at start.

    locations:
      - { type: publisher, prefix: /pub/ }
      - { type: subscriber, url: '/channel/(.+)/listen' }

Each has a \`type\`, a \`store\` (default \`default\`), and a \`prefix\` or a \`url\`. With a \`prefix\`, the channel is the rest
of the path. A \`url\` is a regular expression for the whole path with exactly one group, the channel; it goes
before \`prefix\`. Paths are matched as sent, and the channel is percent-decoded afterwards.`
