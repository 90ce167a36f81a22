import { describe, expect, it } from 'vitest'
import { RawClient, request } from '../../support/raw.ts'
import { startManaged, Told } from './support.ts'

const HTML = { 'content-type': 'text/html', 'cache-control': 'no-store' }

describe('GET /service/method/arg/…', () => {
  it('answers nothing with an empty body, whatever comes of it', async () => {
    const { get } = await startManaged()
    expect(await get('/auth/set/1/test')).toMatchObject({ status: 200, headers: HTML })
    for (const path of [
      '/auth/set/1/test',
      '/auth/remove/77',
      '/user/remove/77',
      '/channel/subscribe/1/news',
      '/channel/publish/news/%7B%22a%22%3A1%7D',
      '/channel/unsubscribe/1/news',
      '/channel/unsubscribeAll/1',
    ]) {
      const reply = await get(path)
      expect(reply.status, path).toBe(200)
      expect(reply.body.toString(), path).toBe('')
    }
  })

  it('answers whose session it is, as a number', async () => {
    const { get } = await startManaged()
    await get('/auth/set/1/test')
    const reply = await get('/auth/check/test')
    expect(reply).toMatchObject({ status: 200, headers: HTML })
    expect(reply.body.toString()).toBe('1')
  })

  it('answers a failure with 500 and the bare words', async () => {
    const { get } = await startManaged()
    const fails: [path: string, words: string][] = [
      ['/auth/check/nobody', 'Authorization failed'],
      ['/user/publish/1/%7B%7D', 'User not connected'],
      ['/user/getFrontendServer/1', 'User not connected'],
      ['/user/publish/1/null', 'Message missing'],
      ['/channel/publish/news/null', 'Message missing'],
      ['/auth/set/one/test', 'Expected numeric literal'],
      ['/auth/set/99999999999999999999/test', 'Expected numeric literal'],
    ]
    for (const [path, words] of fails) {
      const reply = await get(path)
      expect(reply, path).toMatchObject({ status: 500, headers: HTML })
      expect(reply.body.toString(), path).toBe(words)
    }
  })

  it('says of an argument that is not JSON that it is not', async () => {
    const { get } = await startManaged()
    const reply = await get('/channel/publish/news/%7Bbroken')
    expect(reply.status).toBe(500)
    expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(reply.body.toString()).toMatch(/^SyntaxError: message is not JSON: /)
  })

  it('reads numbers as far as they go', async () => {
    const { get } = await startManaged()
    await get('/auth/set/12abc/test')
    expect((await get('/auth/check/test')).body.toString()).toBe('12')
  })

  it('decodes arguments once they are taken apart', async () => {
    const { get } = await startManaged()
    await get('/channel/subscribe/1/a%2Fb%20%C3%A9')
    expect((await get('/channel/getSubscriptions/1')).body.toString()).toBe('["a/b é"]')
    expect((await get('/channel/getSubscribers/a%2Fb%20%C3%A9')).body.toString()).toBe('["1"]')
    expect((await get('/channel/listAll')).body.toString()).toBe('["a/b é"]')
  })

  it('takes names in any case, one slash at the end, and no notice of a query', async () => {
    const { get } = await startManaged()
    await get('/AUTH/Set/1/test/?x=1')
    expect((await get('/Auth/CHECK/test')).body.toString()).toBe('1')
    expect((await get('/user/listall/')).body.toString()).toBe('[]')
  })

  it('publishes JSON as it is spelled', async () => {
    const { get, server } = await startManaged()
    await get(
      `/channel/publish/news/${encodeURIComponent('{ "n": 1.0,"é":12345678901234567890 }')}`,
    )
    const page = await get('/channel/history/news/5')
    const { messages } = JSON.parse(page.body.toString()) as {
      messages: { body: string; type: string }[]
    }
    expect(messages).toMatchObject([
      { body: '{ "n": 1.0,"é":12345678901234567890 }', type: 'application/json' },
    ])
    expect(server.hub().head).toBeGreaterThan(0)
  })

  it('lists users that are connected as texts', async () => {
    const { get, server } = await startManaged()
    await server.users.connect('5', new Told('c1'))
    expect((await get('/user/listAll')).body.toString()).toBe('["5"]')
    expect(JSON.parse((await get('/user/connections/5')).body.toString())).toMatchObject([
      { id: 'c1', user: '5', door: 'test', node: 'local', url: server.url },
    ])
    expect((await get('/user/getFrontendServer/5')).body.toString()).toBe(
      JSON.stringify(server.url),
    )
  })

  it('knows no other paths, with the words of the original', async () => {
    const { get, admin } = await startManaged()
    for (const path of [
      '/auth/set/1',
      '/auth/set/1/test/more',
      '/auth/set//test',
      '/auth/nothing/1',
      '/nobody/set/1/test',
      '/auth',
      '/nothing?x=1',
    ]) {
      const reply = await get(path)
      expect(reply.status, path).toBe(404)
      expect(reply.headers['content-type'], path).toBe('text/plain; charset=utf-8')
      expect(reply.body.toString(), path).toBe(`Cannot GET ${path}`)
    }
    const put = await request(admin, 'PUT', '/auth/set/1/test')
    expect(put.status).toBe(404)
    expect(put.body.toString()).toBe('Cannot PUT /auth/set/1/test')
  })

  it('answers HEAD as GET, without a body', async () => {
    const { admin, get } = await startManaged()
    await get('/auth/set/1/test')
    const client = await RawClient.connect(admin)
    client.send('HEAD /auth/check/test HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const answer = await client.rest()
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toContain('Content-Length: 1\r\n')
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  it('answers OPTIONS with what there is', async () => {
    const { admin } = await startManaged()
    const ask = async (path: string): Promise<[number, string | undefined, string]> => {
      const reply = await request(admin, 'OPTIONS', path)
      return [reply.status, reply.headers['allow'], reply.body.toString()]
    }
    expect(await ask('/auth/set/1/test')).toEqual([200, 'GET', 'GET'])
    expect(await ask('/auth/set')).toEqual([200, 'POST', 'POST'])
    expect(await ask('/user/listAll')).toEqual([200, 'GET,POST', 'GET,POST'])
    expect(await ask('/api')).toEqual([200, 'GET', 'GET'])
    expect(await ask('/no/thing')).toEqual([404, undefined, 'Cannot OPTIONS /no/thing'])
  })

  it('lets a browser run nothing of an answer, which may hold what anybody published', async () => {
    const { get } = await startManaged()
    await get(`/channel/subscribe/1/${encodeURIComponent('<script>1</script>')}`)
    const reply = await get('/channel/listAll')
    expect(reply.body.toString()).toContain('<script>')
    expect(reply.headers).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
    })
  })
})
