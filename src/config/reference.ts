import { defaultOf } from './check.ts'
import { describeShape } from './describe.ts'
import { type ConfigSchema, envName } from './schema.ts'
import type { Shape } from './shape.ts'

type Options = Readonly<Record<string, Shape>>

/** docs/configuration.md: every key with its type, default and meaning, from the schema itself. */
export function configReference(schema: ConfigSchema): string {
  const { locations, store, ...keys } = schema.keys
  const plain = Object.entries(keys).filter(([, shape]) => shape.type !== 'object')
  const groups = Object.entries(keys).filter(([, shape]) => shape.type === 'object')
  const parts = [INTRODUCTION, table(Object.fromEntries(plain), [])]
  for (const [name, shape] of groups) {
    parts.push(`## ${name}\n\n${shape.description ?? ''}`, table(shape.properties ?? {}, [name]))
  }
  for (const [name, shape] of Object.entries(keys)) {
    if (shape.type !== 'object') parts.push(...section([name], shape))
  }
  parts.push('## store', store?.description ?? '', STORES)
  for (const [type, options] of Object.entries(schema.storeTypes)) {
    parts.push(`### type: ${type}`, table(options))
  }
  parts.push('## locations', locations?.description ?? '', LOCATIONS)
  for (const [type, options] of Object.entries(schema.locationTypes)) {
    parts.push(`### type: ${type}`, table(options))
  }
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** The options of a door, and of the maps within it. */
function section(path: readonly string[], shape: Shape): string[] {
  const map = mapOf(shape)
  if (!map?.properties || Object.keys(map.properties).length === 0) return []
  const title = `${'#'.repeat(path.length + 1)} ${path.join('.')}`
  const inner = Object.entries(map.properties).flatMap(([name, option]) =>
    section([...path, name], option),
  )
  return [`${title}\n\n${shape.description ?? ''}`, table(map.properties, path), ...inner]
}

function mapOf(shape: Shape): Shape | undefined {
  return shape.properties ? shape : shape.anyOf?.find((branch) => branch.properties)
}

/** @param path the keys above, when these can be set by environment variables */
function table(options: Options, path?: readonly string[]): string {
  const env = path ? ' environment |' : ''
  const rows = Object.entries(options).map(([name, shape]) => {
    const fallback = defaultOf(shape)
    const set = path ? ` \`${envName([...path, name])}\` |` : ''
    const text = fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``
    return `| \`${name}\` | ${cell(text)} | ${cell(describeShape(shape))} | ${cell(shape.description ?? '')} |${set}`
  })
  const head = `| key | default | takes | meaning |${env}\n| --- | --- | --- | --- |${path ? ' --- |' : ''}`
  return [head, ...rows].join('\n')
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
text such as \`64KiB\` and \`8MiB\` (k is 1024).`

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
