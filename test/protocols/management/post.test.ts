import { describe, expect, it } from 'vitest'
import { request } from '../../support/raw.ts'
import { PATHS } from '../../support/server.ts'
import { startManaged, Told } from './support.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly help?: string }
}

describe.each(PATHS)('POST /service/method ($path)', ({ lean }) => {
  it('takes named arguments as JSON, and answers JSON, or nothing', async () => {
    const { post } = await startManaged('', '', lean)
    const set = await post('/auth/set', { userId: 1, sessionId: 'test' })
    expect(set).toMatchObject({ status: 200, headers: JSON_TYPE })
    expect(set.body).toHaveLength(0)
    const check = await post('/auth/check', { sessionId: 'test' })
    expect(check).toMatchObject({ status: 200, headers: JSON_TYPE })
    expect(check.body.toString()).toBe('1')
  })

  it('takes a form, whose objects are JSON', async () => {
    const { post, get } = await startManaged('', '', lean)
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    await post('/auth/add', 'userId=7&sessionId=a+b%C3%A9&seconds=60', form)
    expect((await post('/auth/check', { sessionId: 'a bé' })).body.toString()).toBe('7')
    await post('/channel/publish', `channelId=news&message=${encodeURIComponent('{"a": 1}')}`, form)
    const page = JSON.parse((await get('/channel/history/news')).body.toString()) as unknown
    expect(page).toMatchObject({ messages: [{ body: '{"a": 1}' }] })
  })

  it('takes numbers as decimal texts, as older clients send them', async () => {
    const { post } = await startManaged('', '', lean)
    await post('/auth/add', { userId: '1', sessionId: 'test', seconds: '60' })
    expect((await post('/auth/check', { sessionId: 'test' })).body.toString()).toBe('1')
  })

  it('takes texts as users, and tells them from numbers only where they are none', async () => {
    const { post } = await startManaged('', '', lean)
    for (const [userId, answer] of [
      ['ada', '"ada"'],
      ['012', '"012"'],
      ['1', '1'],
      [-5, '-5'],
      ['99999999999999999999', '"99999999999999999999"'],
    ] as const) {
      await post('/auth/set', { userId, sessionId: 'test' })
      expect((await post('/auth/check', { sessionId: 'test' })).body.toString()).toBe(answer)
    }
  })

  it('publishes an object as it is spelled', async () => {
    const { post, get } = await startManaged('', '', lean)
    const message = '{"big":12345678901234567890, "n":1.0}'
    await post('/channel/publish', `{"channelId":"news","message": ${message} }`)
    const page = JSON.parse((await get('/channel/history/news')).body.toString()) as unknown
    expect(page).toMatchObject({ messages: [{ body: message, type: 'application/json' }] })
  })

  it('sends to a user, and says what is missing when it is not there', async () => {
    const { post, server } = await startManaged('', '', lean)
    const away = await post('/user/publish', { userId: 1, message: { a: 1 } })
    expect(away).toMatchObject({ status: 404, headers: JSON_TYPE })
    expect(JSON.parse(away.body.toString())).toEqual({
      error: {
        code: 'not_connected',
        message: 'User not connected',
        help: expect.stringContaining('logged in') as string,
      },
    })
    await server.users.connect('1', new Told('c1'))
    expect((await post('/user/publish', { userId: 1, message: { a: 1 } })).status).toBe(200)
  })

  it('refuses arguments that are wrong, missing, unknown or too long with 400, and names them', async () => {
    const { post } = await startManaged('', '', lean)
    const wrong: [path: string, body: unknown, words: string | RegExp][] = [
      ['/auth/set', { sessionId: 'x' }, /^userId is missing/],
      ['/auth/set', { userId: 1 }, /^sessionId is missing/],
      ['/auth/set', '', /^userId is missing/],
      ['/auth/set', { userId: 1.5, sessionId: 'x' }, /^userId: /],
      ['/auth/set', { userId: 2 ** 60, sessionId: 'x' }, /^userId: /],
      ['/auth/set', { userId: true, sessionId: 'x' }, /^userId: /],
      ['/auth/set', { userId: null, sessionId: 'x' }, /^userId: /],
      ['/auth/set', { userId: '', sessionId: 'x' }, /^userId: /],
      ['/auth/set', { userId: 'u'.repeat(256), sessionId: 'x' }, /^userId: /],
      ['/auth/set', '{"userId":"\\ud800","sessionId":"x"}', /^userId: /],
      ['/auth/set', { userId: 1, sessionId: '' }, /^sessionId: /],
      ['/auth/set', { userId: 1, sessionId: 5 }, /^sessionId: /],
      ['/auth/set', { userId: 1, sessionId: 's'.repeat(4097) }, /^sessionId: /],
      [
        '/auth/set',
        { userId: 1, sessionId: 'x', more: 1 },
        /no argument "more".*userId, sessionId/,
      ],
      ['/auth/add', { userId: 1, sessionId: 'x', seconds: -1 }, /^seconds: /],
      ['/auth/add', { userId: 1, sessionId: 'x', seconds: 0 }, /^seconds: /],
      ['/auth/add', { userId: 1, sessionId: 'x', seconds: '1e3' }, /^seconds: /],
      ['/channel/history', { channelId: 'a', limit: 1001 }, /^limit: /],
      ['/channel/publish', { channelId: 'a', message: null }, 'Message missing'],
      ['/user/publish', { userId: 1, message: null }, 'Message missing'],
      ['/user/listAll', { x: 1 }, /known are: none/],
    ]
    for (const [path, body, words] of wrong) {
      const reply = await post(path, body)
      const what = `${path} ${JSON.stringify(body).slice(0, 80)}`
      expect(reply, what).toMatchObject({ status: 400, headers: JSON_TYPE })
      const { error } = JSON.parse(reply.body.toString()) as Refusal
      expect(error.code, what).toBe('bad_argument')
      if (typeof words === 'string') expect(error.message).toBe(words)
      else expect(error.message, what).toMatch(words)
      expect(error.help, what).toBeTruthy()
    }
  })

  it('refuses names that are no channels and ids that are no cursors', async () => {
    const { post } = await startManaged('', '', lean)
    const wrong: [body: unknown, code: string][] = [
      [{ channelId: 'c'.repeat(513) }, 'bad_channel'],
      [{ channelId: '/' }, 'bad_channel'],
      [{ channelId: 'news', since: 'yesterday' }, 'bad_cursor'],
    ]
    for (const [body, code] of wrong) {
      const reply = await post('/channel/history', body)
      expect(reply.status, code).toBe(400)
      expect(JSON.parse(reply.body.toString())).toMatchObject({ error: { code } })
    }
  })

  it('refuses a body that it cannot read with 400', async () => {
    const { admin } = await startManaged('', '', lean)
    const types: [type: string, body: string | Buffer][] = [
      ['application/json', '{broken'],
      ['application/json', '[1,"test"]'],
      ['application/json', Buffer.from([0x7b, 0xff, 0x7d])],
      ['text/plain', '{"userId":1,"sessionId":"test"}'],
      ['multipart/form-data; boundary=x', '--x--'],
      ['application/x-www-form-urlencoded', 'userId=%zz'],
      ['application/x-www-form-urlencoded', 'a=1&'.repeat(200)],
    ]
    for (const [type, body] of types) {
      const reply = await request(admin, 'POST', '/auth/set', { 'Content-Type': type }, body)
      expect(reply.status, `${type} ${body.toString()}`).toBe(400)
      expect(JSON.parse(reply.body.toString())).toMatchObject({ error: { code: 'bad_request' } })
    }
  })

  it('takes what curl -d calls a form and is JSON', async () => {
    const { post } = await startManaged('', '', lean)
    const curl = { 'Content-Type': 'application/x-www-form-urlencoded' }
    expect((await post('/auth/set', '{"userId":1,"sessionId":"test"}', curl)).status).toBe(200)
  })

  it('refuses a message above the limit with 413, and a far larger body likewise', async () => {
    const { post } = await startManaged('', 'limits: { maxBodyBytes: 1KiB }\n', lean)
    const fits = await post('/channel/publish', { channelId: 'a', message: 'x'.repeat(1022) })
    expect(fits.status).toBe(200)
    const over = await post('/channel/publish', { channelId: 'a', message: 'x'.repeat(1023) })
    expect(over.status).toBe(413)
    expect(JSON.parse(over.body.toString())).toMatchObject({ error: { code: 'too_large' } })
    const far = await post('/channel/publish', { channelId: 'a', message: 'x'.repeat(100_000) })
    expect(far.status).toBe(413)
  })

  it('answers what is not there, or not to be done here, with the right status', async () => {
    const { post } = await startManaged('', '', lean)
    const wrong: [path: string, body: unknown, status: number, code: string][] = [
      ['/auth/nothing', {}, 404, 'unknown_method'],
      ['/auth/set/1', {}, 404, 'unknown_method'],
      ['/', {}, 404, 'unknown_method'],
      ['/api', {}, 404, 'unknown_method'],
      ['/auth/check', { sessionId: 'nobody' }, 401, 'not_authorized'],
      ['/manager/getConfig', { nodeId: 'other' }, 404, 'unknown_node'],
      ['/manager/setConfig', { config: [] }, 400, 'bad_config'],
      ['/worker/reload', {}, 400, 'bad_config'],
    ]
    for (const [path, body, status, code] of wrong) {
      const reply = await post(path, body)
      expect(reply, path).toMatchObject({ status, headers: JSON_TYPE })
      expect(JSON.parse(reply.body.toString()), path).toMatchObject({ error: { code } })
    }
  })

  it('goes on with the same connection after a refusal', async () => {
    const { admin, server } = await startManaged('', '', lean)
    const replies = await Promise.all([
      request(admin, 'POST', '/auth/set', { 'Content-Type': 'application/json' }, '{broken'),
      request(admin, 'POST', '/auth/set', {}, '{"userId":1,"sessionId":"test"}'),
    ])
    expect(replies.map(({ status }) => status)).toEqual([400, 200])
    expect(await server.users.sessions.userOf('test')).toBe('1')
  })
})
