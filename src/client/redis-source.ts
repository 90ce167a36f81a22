import { textToBytes } from '../model/channel.ts'
import { addressOf } from './address.ts'
import { shown } from './http.ts'
import { REDIS_PORT, RedisConnection, textOf, valueOf } from './redis-connection.ts'
import { followLogs } from './redis-log.ts'
import { RespError } from './resp.ts'
import { type Followed, mustStartNow, plainMessage, RefusedError, type Source } from './source.ts'

/** How often a quiet subscription is asked whether it lives, in ms. */
const PING = 20_000

/**
 * One connection to a Redis server. Ours keeps channels as logs: they are followed by XREAD, and it
 * resumes exactly. Any other, and patterns: SUBSCRIBE, which has no way to resume.
 */
export const redisSource: Source = async function* (url, cursor, options) {
  const channels = channelsOf(url)
  const connection = await RedisConnection.open(url, options.signal)
  try {
    const isFanfare = await connection.isFanfare()
    if (isFanfare && !channels.some(isPattern)) {
      yield* followLogs(connection, channels, cursor, { ...options, detail: shown(url) })
    } else {
      const what = isFanfare ? 'a pattern' : 'this server is no Fanfare: a channel of Redis'
      mustStartNow(options, what)
      cursor.forgets = true
      yield* subscribe(connection, channels, shown(url))
    }
  } finally {
    connection.close()
  }
}

/**
 * The path, and each `channel` of the query: one character a byte.
 * @throws RefusedError
 */
export function channelsOf(url: URL): readonly string[] {
  const { name } = addressOf(url, REDIS_PORT)
  const channels = name === '' ? [] : [name]
  for (const [key, value] of url.searchParams) {
    if (key !== 'channel') throw new RefusedError('a ? in a channel is written as %3F')
    channels.push(textToBytes(value))
  }
  if (channels.length === 0) {
    throw new RefusedError(`the URL's path names the channel: redis://${url.host}/NAME`)
  }
  return [...new Set(channels)]
}

/** Whether a name is a glob pattern, as PSUBSCRIBE takes it. */
export function isPattern(name: string): boolean {
  return /[*?[]/.test(name)
}

async function* subscribe(
  connection: RedisConnection,
  channels: readonly string[],
  detail: string,
): AsyncGenerator<Followed, void> {
  const patterns = channels.filter(isPattern)
  const names = channels.filter((name) => !isPattern(name))
  if (names.length > 0) connection.send('SUBSCRIBE', ...names.map(bytesOf))
  if (patterns.length > 0) connection.send('PSUBSCRIBE', ...patterns.map(bytesOf))
  const ping = setInterval(() => connection.send('PING'), PING)
  try {
    for (let confirmed = 0; ; ) {
      const reply = await connection.read()
      // Behind the confirmations an error is an answer to our PING: a sign of life, too.
      if (reply instanceof RespError && confirmed < channels.length) valueOf(reply)
      if (!Array.isArray(reply)) continue
      const [kind, ...rest] = reply
      switch (textOf(kind)) {
        case 'subscribe':
        case 'psubscribe':
          if (++confirmed === channels.length) yield { kind: 'connected', detail }
          break
        case 'message':
          yield plainMessage(textOf(rest[0]), rest[1] as Buffer)
          break
        case 'pmessage':
          yield plainMessage(textOf(rest[1]), rest[2] as Buffer)
          break
        default:
      }
    }
  } finally {
    clearInterval(ping)
  }
}

function bytesOf(name: string): Buffer {
  return Buffer.from(name, 'latin1')
}
