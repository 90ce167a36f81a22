/** `GET /heartbeat`, as the later socket-push had it. */
import { expect, it } from 'vitest'
import { RawClient, request } from '../../support/raw.ts'
import { PATHS } from '../../support/server.ts'
import { startManaged } from './support.ts'

async function watch(admin: number, version = '1.1'): Promise<[RawClient, string]> {
  const client = await RawClient.connect(admin)
  client.send(`GET /heartbeat HTTP/${version}\r\nHost: localhost\r\n\r\n`)
  return [client, await client.takeUntil('\r\n\r\n')]
}

it.each(PATHS)('says OK, and ends with the server: $path', async ({ lean }) => {
  const { admin, server } = await startManaged('', '', lean)
  const [client, head] = await watch(admin)
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/html\r\n/)
  expect(head).toContain('Transfer-Encoding: chunked\r\n')
  expect((await client.take(7)).toString()).toBe('2\r\nOK\r\n')
  const [old] = await watch(admin, '1.0')
  expect((await old.take(2)).toString()).toBe('OK')
  expect(client.ended).toBe(false)

  await server.stop()
  expect(await client.rest()).toBe('0\r\n\r\n')
  expect(await old.rest()).toBe('')
})

it('is watched by a hundred at most, and free again when one has gone', async () => {
  const { admin } = await startManaged()
  const clients = await Promise.all(Array.from({ length: 100 }, () => watch(admin)))
  const refused = await request(admin, 'GET', '/heartbeat')
  expect(refused.status).toBe(400)
  expect(refused.body.toString()).toContain('too_many')
  clients[0]?.[0].close()
  for (;;) {
    const [client, head] = await watch(admin)
    if (head.startsWith('HTTP/1.1 200')) break
    client.close()
  }
})

it('is for those who may call', async () => {
  const key = 'correct-horse-battery'
  const { get } = await startManaged(`key: ${key}`)
  expect((await get('/heartbeat')).status).toBe(401)
})
