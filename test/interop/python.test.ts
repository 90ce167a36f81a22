/** Python's own http.client as a relay client: a program that nobody here wrote. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

/** Polls a channel with the validators of each answer, and prints one body a line. */
const CLIENT = `
import http.client, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
headers = {}
for _ in range(count):
    connection.request('GET', '/subscriber/python', headers=headers)
    response = connection.getresponse()
    body = response.read().decode()
    print(response.status, response.getheader('Content-Type'), body, flush=True)
    headers = {'If-Modified-Since': response.getheader('Last-Modified'),
               'If-None-Match': response.getheader('Etag')}
`

it('reads ten messages in order by long polling on one connection, half of them live', async () => {
  const { port, server } = await startServer()
  const publish = (body: string): Promise<unknown> =>
    request(port, 'POST', '/publisher/python', { 'Content-Type': 'text/plain' }, body)
  for (let n = 0; n < 5; n++) await publish(`message ${n}`)

  const client = spawn('python3', ['-c', CLIENT, String(port), '10'])
  let output = ''
  client.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString()
  })
  let errors = ''
  client.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
  })
  const closed = once(client, 'close')
  for (let n = 5; n < 10; n++) {
    while (server.hub().receivers('python' as never) === 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await publish(`message ${n}`)
  }
  await closed

  expect(errors).toBe('')
  expect(output.trim().split('\n')).toEqual(
    Array.from({ length: 10 }, (_, n) => `200 text/plain message ${n}`),
  )
})
