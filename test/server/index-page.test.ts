import { expect, it } from 'vitest'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

it('tells whoever looks at the bare port what there is, and how to try it', async () => {
  const { port } = await startServer()
  const reply = await request(port, 'GET', '/', { Host: `127.0.0.1:${port}` })
  expect(reply.status).toBe(200)
  expect(reply.body.toString()).toContain(`curl -N http://127.0.0.1:${port}/events/test`)
})

it('gives the bare path to a location that is configured for it', async () => {
  const { port } = await startServer(
    'locations: [{ type: publisher, url: "/p(.+)" }, { type: subscriber, url: "(/)" }]',
  )
  expect((await request(port, 'GET', '/')).status).toBe(400)
})
