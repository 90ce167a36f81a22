/** hbpush's own cases (its tests/handlers.py), over real HTTP, on both paths. */
import { describe, expect, it } from 'vitest'
import { RawClient, type RawReply, request, requestBytes } from '../../support/raw.ts'
import { PATHS, startServer } from '../../support/server.ts'

const TEXT = { 'Content-Type': 'text/plain' }
const INTERVAL = `
locations:
  - { type: publisher, prefix: /publisher/ }
  - { type: publisher, prefix: /strict/, create_on_post: false }
  - { type: subscriber, prefix: /interval/, polling: interval }
  - { type: subscriber, prefix: /subscriber/ }
`

/** The cursor that an answer gives for the next request. */
function next(reply: RawReply): Record<string, string> {
  return {
    'If-Modified-Since': reply.headers['last-modified'] ?? '',
    'If-None-Match': reply.headers['etag'] ?? '',
  }
}

/** A request that waits; the promise is the answer. */
async function poll(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ answer: Promise<RawReply>; client: RawClient }> {
  const client = await RawClient.connect(port)
  client.send(requestBytes('GET', path, headers))
  return { answer: client.reply(), client }
}

/** Waits until a channel has that many waiting, as its information says. */
async function waiting(port: number, channel: string, count: number): Promise<void> {
  for (;;) {
    const info = await request(port, 'GET', `/publisher/${channel}`, { Accept: 'application/json' })
    const { subscribers } = JSON.parse(info.body.toString()) as { subscribers: number }
    if (subscribers === count) return
  }
}

describe.each(PATHS)("hbpush's own cases over $path", ({ lean }) => {
  const start = async (): Promise<number> => (await startServer(INTERVAL, { lean })).port

  it('deletes: 404 for an unknown channel, 200 for one that was created', async () => {
    const port = await start()
    expect((await request(port, 'DELETE', '/publisher/delete_basic')).status).toBe(404)
    expect((await request(port, 'PUT', '/publisher/delete_basic')).status).toBe(200)
    expect((await request(port, 'DELETE', '/publisher/delete_basic')).status).toBe(200)
    expect((await request(port, 'DELETE', '/publisher/delete_basic')).status).toBe(404)
  })

  it('answers 410 to those who wait when their channel is deleted', async () => {
    const port = await start()
    await request(port, 'PUT', '/publisher/delete_gone')
    const one = await poll(port, '/subscriber/delete_gone')
    const other = await poll(port, '/subscriber/delete_gone')
    await waiting(port, 'delete_gone', 2)

    expect((await request(port, 'DELETE', '/publisher/delete_gone')).status).toBe(200)

    expect((await one.answer).status).toBe(410)
    expect((await other.answer).status).toBe(410)
    expect((await request(port, 'GET', '/subscriber/delete_gone')).status).toBe(404)
  })

  it('creates a channel twice without complaint', async () => {
    const port = await start()
    expect((await request(port, 'PUT', '/publisher/create')).status).toBe(200)
    expect((await request(port, 'PUT', '/publisher/create')).status).toBe(200)
  })

  it('does not create on POST where create_on_post is off', async () => {
    const port = await start()
    expect((await request(port, 'POST', '/strict/cop', TEXT)).status).toBe(404)
    expect((await request(port, 'PUT', '/strict/cop')).status).toBe(200)
    expect((await request(port, 'POST', '/strict/cop', TEXT)).status).toBe(202)
    expect((await request(port, 'DELETE', '/strict/cop')).status).toBe(200)
    expect((await request(port, 'POST', '/publisher/cop', TEXT)).status).toBe(202)
  })

  it('answers a POST 201 when somebody waited, 202 otherwise', async () => {
    const port = await start()
    await request(port, 'PUT', '/publisher/post_subscribers')
    const one = await poll(port, '/subscriber/post_subscribers')
    const other = await poll(port, '/subscriber/post_subscribers')
    await waiting(port, 'post_subscribers', 2)

    const heard = await request(port, 'POST', '/publisher/post_subscribers', TEXT, 'x')
    const unheard = await request(port, 'POST', '/publisher/post_subscribers', TEXT, 'x')

    expect(heard.status).toBe(201)
    expect((await one.answer).status).toBe(200)
    expect((await other.answer).status).toBe(200)
    expect(unheard.status).toBe(202)
  })

  it('gives back the content type as it was published', async () => {
    const port = await start()
    for (const type of ['text/plain', 'application/json', 'x/y; a="b, c"']) {
      await request(port, 'DELETE', '/publisher/ct')
      await request(port, 'POST', '/publisher/ct', { 'Content-Type': type }, 'x')
      expect((await request(port, 'GET', '/subscriber/ct')).headers['content-type']).toBe(type)
    }
  })

  it('goes 404, 304, 200 as a channel comes to be and gets a message', async () => {
    const port = await start()
    expect((await request(port, 'GET', '/interval/basic')).status).toBe(404)
    await request(port, 'PUT', '/publisher/basic')
    expect((await request(port, 'GET', '/interval/basic')).status).toBe(304)
    await request(port, 'POST', '/publisher/basic', TEXT, 'hello world!')
    const reply = await request(port, 'GET', '/interval/basic')
    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('text/plain')
    expect(reply.body.toString()).toBe('hello world!')
  })

  it.each(['If-None-Match', 'If-Modified-Since'])('answers 400 to a malformed %s', async (name) => {
    const port = await start()
    await request(port, 'PUT', '/publisher/malformed')
    expect((await request(port, 'GET', '/interval/malformed', { [name]: 'abcd' })).status).toBe(400)
    expect((await request(port, 'GET', '/subscriber/malformed', { [name]: 'abcd' })).status).toBe(
      400,
    )
  })

  it('takes channel ids of any bytes', async () => {
    const port = await start()
    const id = 'abc%20%C3%A9%0Afg%09hi%00po%FF'
    expect((await request(port, 'PUT', `/publisher/${id}`)).status).toBe(200)
    expect((await request(port, 'POST', `/publisher/${id}`, TEXT, 'hello world!')).status).toBe(202)
    const interval = await request(port, 'GET', `/interval/${id}`)
    const long = await request(port, 'GET', `/subscriber/${id}`)
    expect(interval.body.toString()).toBe('hello world!')
    expect(long.body.toString()).toBe('hello world!')
    expect((await request(port, 'DELETE', `/publisher/${id}`)).status).toBe(200)
  })

  it('walks a chain of three messages of one second by their validators', async () => {
    const port = await start()
    const client = await RawClient.connect(port)
    const bodies = ['hello world!', 'hello world!1', 'hello world!2']
    for (const body of bodies) client.send(requestBytes('POST', '/publisher/chain', TEXT, body))
    for (const _ of bodies) expect((await client.reply()).status).toBe(202)

    const got: string[] = []
    const cursors: string[] = []
    let cursor = {}
    for (const _ of bodies) {
      const reply = await request(port, 'GET', '/interval/chain', cursor)
      expect(reply.status).toBe(200)
      got.push(reply.body.toString())
      cursor = next(reply)
      cursors.push(JSON.stringify(cursor))
    }

    expect(got).toEqual(bodies)
    expect(new Set(cursors).size).toBe(3)
    expect((await request(port, 'GET', '/interval/chain', cursor)).status).toBe(304)
  })

  it('gives two long pollers each message as soon as it is there', async () => {
    const port = await start()
    await request(port, 'PUT', '/publisher/long')
    let cursor = {}
    for (const body of ['hello world!', 'hello world!1']) {
      const one = await poll(port, '/subscriber/long', cursor)
      const other = await poll(port, '/subscriber/long', cursor)
      await waiting(port, 'long', 2)
      expect((await request(port, 'POST', '/publisher/long', TEXT, body)).status).toBe(201)
      const reply = await one.answer
      expect(reply.body.toString()).toBe(body)
      expect((await other.answer).body.toString()).toBe(body)
      cursor = next(reply)
    }
  })
})
