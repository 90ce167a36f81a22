import { channelsOf } from './redis-source.ts'
import { RedisConnection, textOf, valueOf } from './redis-connection.ts'
import type { Answer, PublishProtocol } from './publisher.ts'
import { RefusedError } from './source.ts'

/** PUBLISH, or XADD on our own servers where the message has a type. */
export const viaRedis: PublishProtocol = {
  carries: ['type'],
  repeats: false,
  async open(url, signal) {
    const [channel = '', ...others] = channelsOf(url)
    if (others.length > 0) throw new RefusedError('a message goes to one channel')
    const connection = await RedisConnection.open(url, signal)
    const name = Buffer.from(channel, 'latin1')
    let isFanfare: boolean | undefined
    return {
      async publish(messages) {
        if (messages.some(({ type }) => type !== undefined)) {
          isFanfare ??= await connection.isFanfare()
          if (!isFanfare)
            throw new RefusedError('--type is for Fanfare; Redis has no content types')
        }
        for (const { body, type } of messages) {
          if (type === undefined) connection.send('PUBLISH', name, body)
          else connection.send('XADD', name, '*', 'body', body, 'type', type)
        }
        let answer: Answer = { id: 'published' }
        for (const _ of messages) {
          const reply = valueOf(await connection.read())
          if (typeof reply === 'number') answer = { id: 'published', receivers: reply }
          else answer = { id: textOf(reply) }
        }
        return answer
      },
      close: async () => connection.close(),
    }
  },
}
