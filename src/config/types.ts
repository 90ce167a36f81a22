/** What a loaded configuration looks like. Types only: importing this costs nothing at run time. */
import type { Static, TObject, TProperties, TSchema } from 'typebox'
import type { FileStoreOptions, Limits, MemoryOptions, RedisOptions } from './core.ts'
import type { TlsConfig } from './entrance.ts'

export type { Limits }

/** Options of a memory store, named as in the file; `message_timeout` in ms, sizes in bytes. */
export type MemoryStoreConfig = { type: 'memory' } & MemoryOptions
/** Options of a file store, named as in the file; durations in ms, sizes in bytes. */
export type FileStoreConfig = { type: 'file' } & FileStoreOptions
/** Options of a Redis store, named as in the file. */
export type RedisStoreConfig = { type: 'redis' } & RedisOptions
export type StoreConfig = MemoryStoreConfig | FileStoreConfig | RedisStoreConfig

/** Where a location was written, for messages about it. */
export interface LocationSource {
  file: string
  /** From 1; 0 for a default location. */
  line: number
  column: number
  /** What it is, such as `subscriber /sub/`. */
  text: string
}

export interface LocationConfig {
  type: string
  /** Name of a store in `stores`. */
  store: string
  prefix?: string
  url?: string
  /** Matches a whole raw path, anchored at both ends; group 1 is the channel, as sent. */
  pattern: RegExp
  /** The options of this type, defaults filled in; typed by `optionsOf`. */
  options: Readonly<Record<string, unknown>>
  source: LocationSource
}

/** A configuration with every default filled in. All durations are in ms, all sizes in bytes. */
export interface ResolvedConfig {
  /** '' = all interfaces. */
  address: string
  /** 0 = any free port. */
  port: number
  /** By name; `default` is there unless nothing uses it. Has no inherited properties. */
  stores: Readonly<Record<string, StoreConfig>>
  /** To be tried in order. */
  locations: readonly LocationConfig[]
  trustedPeers: readonly string[]
  trustedProxies: readonly string[]
  /** Of the main port: connections begin with a proxy's header. */
  proxyProtocol: boolean
  /** Of all ports that say nothing else. */
  tls: false | TlsConfig
  limits: Limits
  /** The keys that fragments added; typed by `doorOf`. */
  doors: Readonly<Record<string, unknown>>
}

/**
 * The value of a door's key, typed by the schema that the door's fragment gave for it.
 * @throws TypeError when no fragment has added this key
 */
export function doorOf<T extends TSchema>(
  config: ResolvedConfig,
  key: string,
  _schema: T,
): Static<T> {
  if (!Object.hasOwn(config.doors, key)) throw new TypeError(`no part has added the key ${key}`)
  return config.doors[key] as Static<T>
}

/** A location's options, typed by the schemas that the fragment gave for its type. */
export function optionsOf<P extends TProperties>(
  location: LocationConfig,
  _properties: P,
): Static<TObject<P>> {
  return location.options as Static<TObject<P>>
}
