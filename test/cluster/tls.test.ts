/** Nodes whose management ports speak TLS: what they say of each other, and that it can be asked. */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { authority } from '../support/certificates.ts'
import { until } from '../support/wait.ts'
import { startCluster, type TestNode } from './rig.ts'

const tests = authority()
const { cert, key } = tests.sign('DNS:localhost', 'IP:127.0.0.1')
const SECURE = `management: { port: 0, tls: { cert: ${cert}, key: ${key} } }`

/** Calls a method over TLS, as whoever knows the authority. */
async function call(base: string, path: string, body: unknown = {}): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' }
  const asked = request(base + path, { method: 'POST', ca: tests.pem, headers, agent: false })
  asked.end(JSON.stringify(body))
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const text = (await answer.setEncoding('utf8').toArray()).join('')
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}

function addressOf(error: unknown): string {
  const { message } = (error as { error: { message: string } }).error
  return /; ask (\S+)\.$/.exec(message)?.[1] ?? message
}

async function frontKnows(front: TestNode, back: TestNode): Promise<void> {
  const known = (): number | undefined => front.node.view.nodes.get('back')?.info.port
  await until(() => known() === back.admin, 'front knows back')
}

const FRONT = 'roles: [management, worker, manager]'
const BACK = 'roles: [management, user, auth]'

describe('management over TLS', () => {
  it('is where a node sends those whom it cannot serve, by an address that answers', async () => {
    const { start } = await startCluster()
    const front = await start('front', { cluster: FRONT, yaml: SECURE })
    const back = await start('back', { cluster: BACK, yaml: SECURE })
    await frontKnows(front, back)

    const refused = await call(`https://127.0.0.1:${front.admin}`, '/user/listAll')

    const elsewhere = addressOf(refused)
    expect(elsewhere).toBe(`https://127.0.0.1:${back.admin}`)
    expect(await call(elsewhere, '/user/listAll')).toEqual([])
  })

  it('is told with a name of its certificate, where the node is given one', async () => {
    const { start } = await startCluster()
    const front = await start('front', { cluster: FRONT })
    const back = await start('back', {
      cluster: `${BACK}, management_host: localhost`,
      yaml: SECURE,
    })
    await frontKnows(front, back)

    const { body } = await front.post('/user/listAll')

    const elsewhere = addressOf(JSON.parse(body.toString()))
    expect(elsewhere).toBe(`https://localhost:${back.admin}`)
    expect(await call(elsewhere, '/user/listAll')).toEqual([])
    const { front: plain, back: secure } = await front.status
    expect(plain?.config).toEqual({ hostname: '127.0.0.1', port: front.admin, scheme: 'http' })
    expect(secure?.config).toEqual({ hostname: 'localhost', port: back.admin, scheme: 'https' })
  })

  it('is known as that once a reload has brought it', async () => {
    const { start } = await startCluster()
    const front = await start('front', { cluster: FRONT })
    await start('back', { cluster: BACK })
    const scheme = (): string | undefined => front.node.view.nodes.get('back')?.info.scheme
    await until(() => scheme() === 'http', 'back is known without TLS')
    const tls = { cert, key }

    await front.call('/manager/setConfig', { config: { nodes: { back: { management: { tls } } } } })

    await until(() => scheme() === 'https', 'back is known with TLS')
    const { hostname, port } = (await front.status)['back']?.config ?? {}
    expect(await call(`https://${hostname}:${port}`, '/user/listAll')).toEqual([])
  })
})
