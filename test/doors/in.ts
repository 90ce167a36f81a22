import { expect } from 'vitest'
import { Push } from 'zeromq'
import { FrameClient } from '../protocols/websocket/frame-client.ts'
import { post } from '../protocols/feed/feed-client.ts'
import { connected } from '../protocols/fanout/fanout-client.ts'
import { newVersion, notify, xmlVersion } from '../protocols/sparkleshare/sparkleshare-client.ts'
import { RespClient } from '../protocols/redis/resp-client.ts'
import { PacketClient } from '../protocols/socketio/packet-client.ts'
import { token } from '../protocols/socketio/token.ts'
import { request } from '../support/raw.ts'
import type { Expected, Ports } from './message.ts'

/** A way in. */
interface Publisher {
  readonly name: string
  /** Publishes one message to the channel `octocat/hello`; answers what it is. */
  publish(ports: Ports): Promise<Expected>
}

const CHANNEL = 'octocat/hello'
const TEXT = 'text/plain; charset=utf-8'

const COMMIT = {
  commit: {
    repository: 'git',
    project: 'hello.git',
    ref: 'refs/heads/main',
    hash: '0123456789abcdef0123456789abcdef01234567',
    author: 'Mona',
    log: 'Say "hello" – ☃',
  },
}

export const IN: readonly Publisher[] = [
  {
    name: 'relay: a text',
    async publish({ main }) {
      const body = 'Hello "world"! ☃'
      await posted(main, `/publisher/${CHANNEL}`, TEXT, body)
      return { body, type: TEXT }
    },
  },
  {
    name: 'relay: JSON',
    async publish({ main }) {
      const body = '{"build": 17, "n": 12345678901234567890}'
      await posted(main, `/publisher/${CHANNEL}`, 'application/json', body)
      return { body, type: 'application/json' }
    },
  },
  {
    name: 'relay: a JSON line with data and attributes',
    async publish({ main }) {
      const line =
        '{"body":"build 17 failed","type":"text/plain","data":{"n":1e2},"attributes":{"url":"http://x/"}}'
      await posted(main, `/publisher/${CHANNEL}`, 'application/x-ndjson', line)
      return {
        body: 'build 17 failed',
        type: 'text/plain',
        data: '{"n":1e2}',
        attributes: { url: 'http://x/' },
      }
    },
  },
  {
    name: 'websocket: a frame',
    async publish({ main }) {
      const client = await FrameClient.open(main)
      const answer = await client.ask({ publish: CHANNEL, body: 'from a frame', data: [1] })
      expect(answer).toHaveProperty('published')
      return { body: 'from a frame', data: '[1]' }
    },
  },
  {
    name: 'socketio: a text',
    async publish({ main }) {
      const client = await PacketClient.in(main, { token: token({ sub: 'mona' }) })
      const body = 'Hello "world"! ☃'
      expect(await client.ask('publish', CHANNEL, body)).toMatchObject({ ok: true })
      return { body, type: TEXT }
    },
  },
  {
    name: 'socketio: JSON',
    async publish({ main }) {
      const client = await PacketClient.in(main, { token: token({ sub: 'mona' }) })
      expect(await client.ask('publish', CHANNEL, { n: [1] })).toMatchObject({ ok: true })
      return { body: '{"n":[1]}', type: 'application/json' }
    },
  },
  {
    name: 'feed: a commit',
    async publish({ feed }) {
      const data = JSON.stringify(COMMIT)
      expect(await post(feed, `/${CHANNEL}`, data)).toContain('Message sent!')
      return {
        body: 'Mona committed to hello.git: Say "hello" – ☃',
        type: TEXT,
        data,
        attributes: { revision: COMMIT.commit.hash, ref: 'refs/heads/main' },
      }
    },
  },
  {
    name: 'feed: any JSON',
    async publish({ feed }) {
      expect(await post(feed, `/${CHANNEL}`, '{"svn": 1}')).toContain('Message sent!')
      return { body: '{"svn": 1}', type: 'application/json' }
    },
  },
  {
    name: 'webhooks: the form',
    async publish({ main }) {
      const form = 'channel=octocat/hello&message=Hello+%22form%22+%E2%98%83'
      await posted(main, '/', 'application/x-www-form-urlencoded', form)
      return { body: 'Hello "form" ☃', type: TEXT }
    },
  },
  {
    name: 'webhooks: a push on GitHub',
    async publish({ main }) {
      const payload = {
        ref: 'refs/heads/main',
        after: COMMIT.commit.hash,
        repository: { full_name: CHANNEL },
        commits: [{ id: COMMIT.commit.hash, message: 'Say hello', author: { name: 'Mona' } }],
      }
      await posted(main, '/github', 'application/json', JSON.stringify(payload))
      return {
        body: 'Mona committed to octocat/hello: Say hello',
        type: TEXT,
        data: `{"push":{"repository":"octocat/hello","ref":"refs/heads/main","after":"${COMMIT.commit.hash}","commits":[{"id":"${COMMIT.commit.hash}","message":"Say hello","author":{"name":"Mona"}}],"total":1,"created":false,"deleted":false}}`,
        attributes: { revision: COMMIT.commit.hash, kind: 'push', source: 'github' },
      }
    },
  },
  {
    name: 'redis: PUBLISH',
    async publish({ redis }) {
      const client = await RespClient.connect(redis)
      await client.ask('PUBLISH', CHANNEL, Buffer.from('Hello "world"! ☃'))
      return { body: 'Hello "world"! ☃' }
    },
  },
  {
    name: 'redis: XADD of fields',
    async publish({ redis }) {
      const client = await RespClient.connect(redis)
      await client.ask('XADD', `/${CHANNEL}`, '*', 'user', 'mona', 'n', '5')
      return { body: '{"user":"mona","n":"5"}', type: 'application/json' }
    },
  },
  {
    name: 'redis: XADD of an entry',
    async publish({ redis }) {
      const client = await RespClient.connect(redis)
      const fields = ['body', 'r20', 'type', TEXT, 'data', '{"n": 1e2}', 'revision', 'c0ffee']
      await client.ask('XADD', CHANNEL, '*', ...fields)
      const attributes = { revision: 'c0ffee' }
      return { body: 'r20', type: TEXT, data: '{"n": 1e2}', attributes }
    },
  },
  {
    name: 'sparkleshare: JSON',
    async publish({ sparkleshare }) {
      await notify(sparkleshare, newVersion(CHANNEL, 'r17'))
      return { body: 'r17', type: TEXT, attributes: { revision: 'r17' } }
    },
  },
  {
    name: 'sparkleshare: XML',
    async publish({ sparkleshare }) {
      await notify(sparkleshare, xmlVersion(CHANNEL, 'New revision is r18'))
      return { body: 'r18', type: TEXT, attributes: { revision: 'r18' } }
    },
  },
  {
    name: 'sparkleshare: ZeroMQ',
    async publish({ command }) {
      const socket = new Push()
      socket.connect(`tcp://127.0.0.1:${command}`)
      await socket.send(newVersion(CHANNEL, 'r19'))
      socket.close()
      return { body: 'r19', type: TEXT, attributes: { revision: 'r19' } }
    },
  },
  {
    name: 'fanout: a line',
    async publish({ fanout }) {
      const body = 'Hello "world"! ☃'
      const client = await connected(fanout)
      client.send(Buffer.from(`announce ${CHANNEL} ${body}\n`))
      return { body }
    },
  },
  {
    name: 'fanout: a revision',
    async publish({ fanout }) {
      const body = '0123456789abcdef0123456789abcdef01234567'
      const client = await connected(fanout)
      client.send(`announce /${CHANNEL} ${body}\n`)
      return { body, attributes: { revision: body } }
    },
  },
]

async function posted(port: number, path: string, type: string, body: string): Promise<void> {
  const { status } = await request(port, 'POST', path, { 'Content-Type': type }, body)
  expect([200, 201, 202]).toContain(status)
}
