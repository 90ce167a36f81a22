import { Type } from 'typebox'
import {
  Bytes,
  composeSchema,
  ConfigError,
  type ConfigFragment,
  Door,
  Duration,
  type Loaded,
  loadConfig,
  type LoadOptions,
  type Problem,
  StoreName,
} from '../../src/config/index.ts'

/** Fragments like those of real doors, so that these tests need none of them. */
export const publisherOptions = {
  create_on_post: Type.Boolean({ description: 'Whether a POST makes the channel.', default: true }),
}
export const subscriberOptions = {
  polling: Type.Union([Type.Literal('long'), Type.Literal('interval')], {
    description: 'Whether a request without news waits.',
    default: 'long',
  }),
  create_on_get: Type.Boolean({ description: 'Whether a GET makes the channel.', default: false }),
  allow_origin: Type.String({ description: 'Access-Control-Allow-Origin.', default: '' }),
}
export const eventsOptions = {
  retry: Duration({ description: 'The time to wait before a reconnect.', default: '3s' }),
}
export const relay: ConfigFragment = {
  locationTypes: { publisher: publisherOptions, subscriber: subscriberOptions },
  defaultLocations: [
    { type: 'publisher', prefix: '/publisher/' },
    { type: 'subscriber', prefix: '/subscriber/' },
  ],
}
export const events: ConfigFragment = {
  locationTypes: { events: eventsOptions },
  defaultLocations: [{ type: 'events', prefix: '/events/' }],
}
export const feedSchema = Door(
  {
    port: Type.Integer({ description: 'Port.', default: 2069, minimum: 0, maximum: 65_535 }),
    store: StoreName(),
    line: Bytes({ description: 'The longest line.', default: '64KiB' }),
    secret: Type.Optional(Type.String({ description: 'Secret.', minLength: 8, writeOnly: true })),
  },
  { description: "GitPubSub's protocol." },
)
export const feed: ConfigFragment = { keys: { feed: feedSchema } }

export const schema = composeSchema([relay, events])
export const withFeed = composeSchema([relay, events, feed])

type Options = Partial<LoadOptions> & { schema?: typeof schema }

/** Loads a text as `fanfare.yaml`, with an empty environment. */
export function load(text: string, options: Options = {}): Loaded {
  return loadConfig(options.schema ?? schema, { file: 'fanfare.yaml', text, env: {}, ...options })
}

/** The problems of a text that must not load. */
export function problemsOf(text: string, options: Options = {}): readonly Problem[] {
  try {
    load(text, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('this configuration was expected to be refused')
}

/** `line:column path: message` of each problem. */
export function linesOf(problems: readonly Problem[]): string[] {
  return problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`)
}

/** What the single problem of a text says. */
export function mistake(text: string, options: Options = {}): string {
  const lines = linesOf(problemsOf(text, options))
  if (lines.length !== 1) throw new Error(`expected one problem, found:\n${lines.join('\n')}`)
  return lines[0] ?? ''
}
