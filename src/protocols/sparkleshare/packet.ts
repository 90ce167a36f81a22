import { bytesToText, type ChannelName, channelFromText } from '../../model/channel.ts'
import { formatId } from '../../model/id.ts'
import type { Draft, Message } from '../../model/message.ts'
import type { Dialect, Found } from './splitter.ts'
import { readFields } from './xml.ts'

/** What a client asks for, whichever way it says so. */
export interface Packet {
  readonly command: 'register' | 'unregister' | 'new_version'
  readonly dialect: Dialect
  /** The repository's name as it was spelled. */
  readonly repo: string
  readonly channel: ChannelName
  /** Of a `new_version`; null: the client did not say which. */
  readonly revision: string | null
}

/** The longest revision, in characters. */
const MAX_REVISION = 1024

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns undefined for what is no command, which is passed by in silence */
export function readPacket({ dialect, bytes }: Found): Packet | undefined {
  try {
    const text = UTF8.decode(bytes)
    return dialect === 'json' ? fromJson(JSON.parse(text)) : fromXml(text)
  } catch {
    return undefined
  }
}

/** @param value what the JSON of an object says */
function fromJson(value: unknown): Packet | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { command, repo, revision } = value as Record<string, unknown>
  return packetOf('json', command, repo, typeof revision === 'number' ? String(revision) : revision)
}

/** The stock client's words when it was given no revision: Python's None. */
const NO_REVISION = 'None'

/** There is no element for the revision: it is the last word of `readable`. */
function fromXml(text: string): Packet | undefined {
  const { command, repo, readable = '' } = readFields(text)
  const revision = /\S+$/.exec(readable.trimEnd())?.[0] ?? NO_REVISION
  return packetOf('xml', command, repo, revision === NO_REVISION ? null : revision)
}

function packetOf(
  dialect: Dialect,
  command: unknown,
  repo: unknown,
  revision: unknown,
): Packet | undefined {
  if (typeof repo !== 'string') return undefined
  const channel = channelFromText(repo)
  if (channel === undefined) return undefined
  if (command === 'register' || command === 'unregister') {
    return { command, dialect, repo, channel, revision: null }
  }
  if (command !== 'new_version') return undefined
  if (revision !== null && (typeof revision !== 'string' || revision.length > MAX_REVISION)) {
    return undefined
  }
  return { command, dialect, repo, channel, revision }
}

const TEXT = 'text/plain; charset=utf-8'

/**
 * A `new_version` as a message: its body and its attribute `revision` are the revision. Without one, the
 * body is `null`, and the JSON that says so is the data.
 */
export function draftOf({ repo, channel, revision }: Packet): Draft {
  const contentType = TEXT
  if (revision !== null) {
    return { channel, body: Buffer.from(revision), contentType, attributes: { revision } }
  }
  return { channel, body: Buffer.from('null'), contentType, data: newVersion(repo, null) }
}

/** What a message is here: its revision, null, or its id where it came without one. */
export function revisionOf({ attributes, ownData, id }: Message): string | null {
  const revision = attributes?.['revision']
  if (revision !== undefined) return revision
  return ownData !== undefined && saysNull(ownData) ? null : formatId(id)
}

/** Whether data is that of a `new_version` without a revision. */
function saysNull(data: string): boolean {
  // Looked at before it is parsed: most data is something else, and may be large.
  if (data.length > 4096 || !data.includes('"new_version"')) return false
  const value = JSON.parse(data) as Record<string, unknown> | null
  return value?.['command'] === 'new_version' && value['revision'] === null
}

/** The repository's name of a channel, as a client that wrote `slash` in front of it spells it. */
export function repoOf(channel: ChannelName, slash: '' | '/'): string {
  return `${slash}${bytesToText(channel)}`
}

/** The one object that clients are sent: bytes, spaces and order as Python's json.dumps gave them. */
export function newVersion(repo: string, revision: string | null): string {
  return `{"repo": ${quote(repo)}, "command": "new_version", "revision": ${quote(revision)}}`
}

/** As JSON in ASCII. */
function quote(text: string | null): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
