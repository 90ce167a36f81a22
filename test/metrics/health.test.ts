import { describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import type { LogHub } from '../../src/hub/log-hub.ts'
import { configSchema } from '../../src/server/schema.ts'
import { RawClient, request, requestBytes } from '../support/raw.ts'
import { PATHS, startServer } from '../support/server.ts'
import { startManaged } from '../protocols/management/support.ts'

describe.each(PATHS)('health over $path', ({ lean }) => {
  it('is told to anybody, on both ports, also where the port has a key', async () => {
    const { port, admin } = await startManaged('key: 0123456789abcdef', '', lean)
    for (const where of [port, admin]) {
      const alive = await request(where, 'GET', '/healthz', { Host: 'probe.example' })
      expect(alive).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
      expect(JSON.parse(alive.body.toString())).toEqual({ alive: true })
      const ready = await request(where, 'GET', '/readyz', { Host: 'probe.example' })
      expect(ready.status).toBe(200)
      expect(JSON.parse(ready.body.toString())).toEqual({ ready: true, notReady: [] })
      const client = await RawClient.connect(where)
      client.send(requestBytes('HEAD', '/readyz'))
      expect(await client.takeUntil('\r\n\r\n')).toMatch(/ 200 OK\r\nContent-Length: 29\r\n/)
    }
  })

  it('a store that takes nothing is named, and nothing else of it', async () => {
    const { server, port } = await startServer('', { lean })
    const { store } = server.hub() as LogHub
    vi.spyOn(store as Required<typeof store>, 'state').mockReturnValue({ available: false })

    const ready = await request(port, 'GET', '/readyz')

    expect(ready.status).toBe(503)
    expect(JSON.parse(ready.body.toString())).toEqual({
      ready: false,
      notReady: [{ what: 'store', name: 'default', why: 'not available' }],
    })
    expect((await request(port, 'GET', '/healthz')).status).toBe(200)
  })

  it('a location of the operator comes first', async () => {
    const { port } = await startServer('locations: [{ type: publisher, prefix: /health }]', {
      lean,
    })
    expect((await request(port, 'GET', '/healthz')).body.toString()).not.toContain('alive')
    expect((await request(port, 'GET', '/readyz')).status).toBe(200)
  })
})

it('a location that takes the paths is warned of', () => {
  const { warnings } = loadConfig(configSchema(), {
    env: {},
    flags: {},
    text: 'locations: [{ type: publisher, prefix: /ready }]',
    file: 'test.yaml',
  })
  expect(warnings.map(({ message }) => message).join()).toContain('takes /readyz')
})
