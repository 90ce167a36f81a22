import type { RedisServer } from './server.ts'

/** The version of Redis whose commands and words these are. */
export const VERSION = '7.0.15'

type Section = (server: RedisServer) => Readonly<Record<string, string | number>>

const SECTIONS: Readonly<Record<string, Section>> = {
  server: ({ port, uptime, clock }) => ({
    redis_version: VERSION,
    redis_mode: 'standalone',
    server_name: 'fanfare',
    os: `${process.platform} ${process.arch}`,
    arch_bits: 64,
    process_id: process.pid,
    tcp_port: port,
    server_time_usec: clock.now() * 1000,
    uptime_in_seconds: uptime,
    uptime_in_days: Math.floor(uptime / 86_400),
  }),
  clients: ({ clients, limits }) => ({
    connected_clients: clients.size,
    maxclients: limits.maxConnections,
    blocked_clients: [...clients.values()].filter(({ waiting }) => waiting).length,
  }),
  memory: () => ({
    used_memory: process.memoryUsage().heapUsed,
    used_memory_rss: process.memoryUsage.rss(),
  }),
  persistence: () => ({ loading: 0 }),
  stats: (server) => {
    const { received, sent } = server.traffic
    return {
      total_connections_received: server.connections,
      total_commands_processed: server.commands,
      total_net_input_bytes: received,
      total_net_output_bytes: sent,
      rejected_connections: server.rejected,
      pubsub_channels: server.subscribers.channel.size,
      pubsub_patterns: server.subscribers.pattern.size,
      pubsubshard_channels: server.subscribers.shard.size,
    }
  },
  replication: () => ({ role: 'master', connected_slaves: 0 }),
}

const ALL = new Set(['all', 'default', 'everything'])

/**
 * INFO's text.
 * @param wanted names of sections in small letters; none, or `all`: every one. The keyspace is the caller's
 * @param channels how many are known; undefined: not asked for
 */
export function infoText(
  server: RedisServer,
  wanted: readonly string[],
  channels: number | undefined,
): string {
  const all = wanted.length === 0 || wanted.some((name) => ALL.has(name))
  const parts = Object.entries(SECTIONS)
    .filter(([name]) => all || wanted.includes(name))
    .map(([name, section]) => {
      const lines = Object.entries(section(server)).map(([key, value]) => `${key}:${value}\r\n`)
      return `# ${name[0]?.toUpperCase()}${name.slice(1)}\r\n${lines.join('')}`
    })
  if (all || wanted.includes('keyspace')) {
    const count = channels ?? 0
    parts.push(`# Keyspace\r\n${count > 0 ? `db0:keys=${count},expires=0,avg_ttl=0\r\n` : ''}`)
  }
  return parts.join('\r\n')
}
