import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
import { createServer } from 'node:net'
import type { ResolvedConfig } from '../../config/types.ts'
import { fail, type Finding, ok, type Patient, wordsOf } from './check.ts'

/** A port that the configuration has a door listen on. */
export interface Port {
  readonly door: string
  readonly port: number
  readonly address: string
}

/** Who listens on a port. */
interface Owner {
  readonly pid: number
  readonly command: string
}

/** All ports of a configuration but those that may be any. */
export function portsOf(config: ResolvedConfig): Port[] {
  const found: Port[] = [{ door: 'main port', port: config.port, address: config.address }]
  for (const [door, options] of Object.entries(config.doors)) {
    if (!isMap(options)) continue
    const address = textOf(options['address']) ?? config.address
    const { port, zeromq } = options
    if (typeof port === 'number') found.push({ door, port, address })
    if (!isMap(zeromq)) continue
    for (const socket of ['broadcast', 'command']) {
      const inner = zeromq[socket]
      const own = textOf(zeromq['address']) ?? address
      if (typeof inner === 'number')
        found.push({ door: `zeromq ${socket}`, port: inner, address: own })
    }
  }
  return found.filter(({ port }) => port > 0)
}

/** The process that listens there, as far as this user may see. */
export function ownerOf({ port }: Pick<Port, 'port'>): Owner | undefined {
  const sockets = listeningSockets(port)
  if (sockets.size === 0) return undefined
  for (const pid of numbersIn('/proc')) {
    for (const descriptor of numbersIn(`/proc/${pid}/fd`)) {
      const target = linkOf(`/proc/${pid}/fd/${descriptor}`)
      if (target !== undefined && sockets.has(target)) return { pid, command: commandOf(pid) }
    }
  }
  return undefined
}

/** Whether a command line is that of a server of ours. */
export function isFanfare(command: string): boolean {
  return /(?:(?:^|[ /])fanfare(?: |$)|cli\/main\.(?:js|ts)|scripts\/start\.mjs)/.test(command)
}

export async function checkPort(place: Port, { config, running }: Patient): Promise<Finding> {
  const { door, port, address } = place
  const what = `port ${port}`
  const key = keyOf(door)
  try {
    await tryPort(port, address)
    return running === undefined
      ? ok(what, `free, for ${door}`)
      : fail(
          what,
          `free, although process ${running} is to serve ${door} here`,
          'That one runs with another configuration: give doctor the same --config and environment.',
        )
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE') return notPossible(what, place, error)
    const owner = ownerOf(place)
    const ours = owner !== undefined && isFanfare(owner.command)
    if (ours && running === undefined && config.port > 0) {
      return fail(
        what,
        `another Fanfare, process ${owner.pid}, listens here, where ${door} is to`,
        `It serves another configuration: choose another port (\`${key}\`), or stop it.`,
      )
    }
    // Its parent looks after workers, and listens for them.
    if (owner && (owner.pid === running || ours)) {
      return ok(what, `Fanfare serves ${door} here, process ${owner.pid}`)
    }
    if (owner?.pid === 1) return ok(what, `systemd holds it for ${door}`)
    if (!owner && running !== undefined) {
      return ok(what, `in use, by the Fanfare that runs (process ${running}) as it seems`)
    }
    const who = owner ? `process ${owner.pid} (${owner.command.slice(0, 80)})` : 'another process'
    return fail(
      what,
      `${who} listens here, where ${door} is to`,
      `Stop that one, or choose another port in the configuration (\`${key}\`).`,
    )
  }
}

/** Where the configuration says it. */
function keyOf(door: string): string {
  if (door === 'main port') return 'port'
  return door.startsWith('zeromq ') ? `sparkleshare.${door.replace(' ', '.')}` : `${door}.port`
}

const OTHER =
  'Set `address` (of the door, or of all) to one of this machine; `ip address` lists them.'

function notPossible(what: string, { port, address, door }: Port, error: unknown): Finding {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EACCES') {
    return fail(
      what,
      `this user may not listen on ports below 1024 (${door})`,
      'Choose a higher port, have systemd open it (ops/systemd/fanfare.socket), or run this as that user.',
    )
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return fail(what, `${address} is no address of this machine (${door})`, OTHER)
  }
  return fail(what, `${door} cannot listen on ${address}:${port}: ${wordsOf(error)}`, 'Set `port`.')
}

/** @throws Error as node:net gives it, when nobody could listen there now */
async function tryPort(port: number, address: string): Promise<void> {
  const host = address === '' ? '::' : (await lookup(address)).address
  await new Promise<void>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve()))
  })
}

/** What links of descriptors look like whose sockets listen on a port. */
function listeningSockets(port: number): Set<string> {
  const found = new Set<string>()
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of textAt(file).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      // 0A: it listens.
      if (state === '0A' && local.endsWith(`:${wanted}`)) found.add(`socket:[${inode}]`)
    }
  }
  return found
}

function commandOf(pid: number): string {
  return textAt(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
