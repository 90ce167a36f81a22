import { readFileSync } from 'node:fs'

/** What `info` tells. */
export interface Statistics {
  /** Seconds since the start. */
  uptime: number
  clientLimit: number
  /** Connections that were turned away because of it. */
  rejected: number
  /** The most connections that there were at once. */
  maxConnections: number
  connections: number
  /** Channels with a subscriber at this door. */
  channels: number
  /** That of every connection to `all` included … */
  subscriptions: number
  /** … and without it. */
  requested: number
  totalConnections: number
  /** Announcements that were stored, messages that were written to subscribers. */
  announcements: number
  messages: number
  subscribes: number
  unsubscribes: number
  pings: number
}

/** The block that `info` answers: names and order are fanout's. */
export function infoBlock(now: Statistics): Buffer {
  const lines = [
    `uptime: ${uptimeText(now.uptime)}`,
    `client-limit: ${now.clientLimit}`,
    `limit rejected connections: ${now.rejected}`,
    `rlimits: ${openFilesLimit()}`,
    `max connections: ${now.maxConnections}`,
    `current connections: ${now.connections}`,
    `current channels: ${now.channels}`,
    `current subscriptions: ${now.subscriptions}`,
    `user-requested subscriptions: ${now.requested}`,
    `total connections: ${now.totalConnections}`,
    `total announcements: ${now.announcements}`,
    `total messages: ${now.messages}`,
    `total subscribes: ${now.subscribes}`,
    `total unsubscribes: ${now.unsubscribes}`,
    `total pings: ${now.pings}`,
  ]
  return Buffer.from(`${lines.join('\n')}\n`)
}

function uptimeText(uptime: number): string {
  const seconds = Math.floor(uptime)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d ${hours % 24}h ${minutes % 60}m ${seconds % 60}s`
}

let rlimits: string | undefined

/** How many files this process may open; read once. Only Linux tells. */
function openFilesLimit(): string {
  if (rlimits !== undefined) return rlimits
  let soft = 'unknown'
  let hard = 'unknown'
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    ;[, soft = soft, hard = hard] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? []
  } catch {
    // Another system.
  }
  rlimits = `Soft=${soft} Hard=${hard}`
  return rlimits
}
