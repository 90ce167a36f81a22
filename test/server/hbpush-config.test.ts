/** The complex configuration of hbpush's README, with memory stores in place of its Redis ones. */
import { expect, it } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { configSchema } from '../../src/server/schema.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

const COMPLEX = `
port: 9090
store:
  default:
    type: memory
  redis1:
    type: memory
  redis2:
    type: memory
locations:
  -
    type: subscriber
    prefix: /sub/
  -
    type: publisher
    prefix: /pub/
  -
    type: subscriber
    polling: interval
    url: /redis/(.+)/1/sub/
    store: redis1
  -
    type: publisher
    url: /redis/(.+)/1/pub/
    store: redis1
  -
    type: subscriber
    url: /redis/(.+)/2/sub/
    store: redis2
  -
    type: publisher
    url: /redis/(.+)/2/pub/
    store: redis2
`

it('routes each location to its store, as its README says', async () => {
  const { port } = await startServer(COMPLEX)
  await request(port, 'POST', '/pub/x', {}, 'in default')
  await request(port, 'POST', '/redis/x/1/pub/', {}, 'in redis1')
  await request(port, 'POST', '/redis/x/2/pub/', {}, 'in redis2')

  const answers = await Promise.all(
    ['/sub/x', '/redis/x/1/sub/', '/redis/x/2/sub/', '/sub/redis/x'].map((path) =>
      request(port, 'GET', path),
    ),
  )

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 404])
  expect(answers.slice(0, 3).map(({ body }) => body.toString())).toEqual([
    'in default',
    'in redis1',
    'in redis2',
  ])
})

it('waits where the location polls long, and answers at once where it polls at intervals', async () => {
  const { port } = await startServer(COMPLEX)
  await request(port, 'PUT', '/redis/x/1/pub/')
  expect((await request(port, 'GET', '/redis/x/1/sub/')).status).toBe(304)
})

it('matches a location from end to end, and nothing outside any', async () => {
  const { port } = await startServer(COMPLEX)
  for (const path of ['/pub', '/pub/', '/x/pub/y', '/redis/x/1/pub/more', '/redis//1/pub/']) {
    expect((await request(port, 'PUT', path)).status).toBe(404)
  }
})

it('warns of a location that can never be reached', () => {
  const text = `
locations:
  -
    type: subscriber
    url: /(.+)
  -
    type: publisher
    url: /pub/(.+)
`
  const { warnings } = loadConfig(configSchema(), { text, file: 'hbpush.yaml', env: {} })
  expect(warnings.map(({ line, message }) => [line, message])).toEqual([
    [5, expect.stringContaining('/github, /gitlab, /gitea, /bitbucket')],
    [8, expect.stringContaining('can never be reached')],
  ])
})

it('takes a Redis store', () => {
  const text = 'store: { type: redis, key_prefix: hbpush_ }'
  const { config } = loadConfig(configSchema(), { text, file: 'hbpush.yaml', env: {} })
  expect(config.stores['default']).toMatchObject({ type: 'redis', key_prefix: 'hbpush_' })
})
