import { describe, expect, expectTypeOf, it } from 'vitest'
import { connect, FanfareError } from '../../src/sdk/index.ts'
import { METHODS } from '../../src/sdk/methods.ts'
import { SERVICES } from '../../src/services/definitions/index.ts'
import { fakeServer } from '../client/fake-server.ts'
import { startManaged, Told } from '../protocols/management/support.ts'
import { EVERY_METHOD } from './every-method.ts'
import { managementUrl } from './support.ts'

describe('services as typed methods', () => {
  it('call every method of every service', async () => {
    const { server } = await startManaged()
    await server.users.connect('5', new Told('c1'))
    const fanfare = connect({ management: managementUrl(server) })
    const table = fanfare as unknown as Record<
      string,
      Record<string, (...args: unknown[]) => Promise<unknown>>
    >
    const called = new Set<string>()
    for (const { call, result, error } of EVERY_METHOD) {
      const [service, method, args] = call
      called.add(`${service}/${method}`)
      const answer = table[service]?.[method]?.(...args)
      if (error !== undefined) await expect(answer, method).rejects.toMatchObject({ code: error })
      else expect(await answer, method).toEqual(result)
    }
    expect([...called].sort()).toEqual(
      Object.entries(METHODS)
        .flatMap(([service, methods]) => Object.keys(methods).map((name) => `${service}/${name}`))
        .toSorted(),
    )
  })

  it('have the names that the definitions have', () => {
    const names = Object.fromEntries(
      Object.entries(SERVICES).map(([service, { methods }]) => [
        service,
        Object.fromEntries(
          Object.entries(methods as Record<string, { params: readonly { name: string }[] }>).map(
            ([method, { params }]) => [method, params.map(({ name }) => name)],
          ),
        ),
      ]),
    )
    expect(METHODS).toEqual(names)
  })

  it('have their types', () => {
    const { auth, channel, user, worker } = connect()
    expectTypeOf(auth.set).parameters.toEqualTypeOf<[number | string, string]>()
    expectTypeOf(auth.check).returns.resolves.toEqualTypeOf<number | string>()
    expectTypeOf(channel.listAll).returns.resolves.toEqualTypeOf<string[]>()
    expectTypeOf(user.publish).returns.resolves.toEqualTypeOf<undefined>()
    expectTypeOf(worker.status).returns.resolves.toHaveProperty('uptime').toEqualTypeOf<number>()
    // @ts-expect-error: there is no such method
    expect(() => channel.shout('a')).toThrow(TypeError)
  })

  it('throw what the server says', async () => {
    const { server } = await startManaged()
    const fanfare = connect({ management: managementUrl(server) })
    const error = await fanfare.user.publish(77, { a: 1 }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(FanfareError)
    expect(error).toMatchObject({
      name: 'FanfareError',
      code: 'not_connected',
      status: 404,
      message: 'User not connected',
    })
    const wrong = fanfare.auth.add(1, 'session', -1)
    await expect(wrong).rejects.toMatchObject({
      code: 'bad_argument',
      status: 400,
      message: expect.stringContaining('seconds'),
    })
  })

  it('show a key where there is one', async () => {
    const key = 'a-key-of-enough-characters'
    const { server } = await startManaged(`key: ${key}`)
    const fanfare = connect({ management: managementUrl(server) })
    await expect(fanfare.auth.set(1, 'test')).rejects.toMatchObject({ status: 401 })
    await fanfare.with({ key }).auth.set(1, 'test')
    expect(await fanfare.with({ key }).auth.check('test')).toBe(1)
  })

  it('give up in time, or when they are told to', async () => {
    const port = await fakeServer(() => {})
    const fanfare = connect({ management: `http://127.0.0.1:${port}` })
    await expect(fanfare.with({ timeout: 30 }).channel.listAll()).rejects.toMatchObject({
      code: 'timeout',
      status: 0,
    })
    const given = new AbortController()
    const call = fanfare.with({ signal: given.signal }).channel.listAll()
    given.abort(new Error('changed my mind'))
    await expect(call).rejects.toThrow('changed my mind')
    await expect(
      fanfare.with({ signal: AbortSignal.abort(new Error('never')) }).channel.listAll(),
    ).rejects.toThrow('never')
  })

  it('say so where nothing answers, or something else', async () => {
    const nobody = connect({ management: 'http://127.0.0.1:1' })
    await expect(nobody.channel.listAll()).rejects.toMatchObject({
      code: 'unreachable',
      status: 0,
      message: expect.stringContaining('no answer from http://127.0.0.1:1'),
      help: expect.stringContaining('port'),
    })
    const page = await fakeServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>'),
    )
    await expect(
      connect({ management: `http://127.0.0.1:${page}` }).channel.listAll(),
    ).rejects.toMatchObject({ code: 'bad_answer', message: expect.stringContaining('listAll') })
    const other = await fakeServer((socket) =>
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops'),
    )
    await expect(
      connect({ management: `http://127.0.0.1:${other}/behind/a/proxy/` }).channel.listAll(),
    ).rejects.toMatchObject({ code: 'bad_answer', status: 502, message: /oops/ })
  })

  it('refuse URLs that they cannot use', () => {
    expect(() => connect({ url: 'ws://127.0.0.1:8080' })).toThrow('no http or https URL')
    expect(() => connect({ management: 'http://:key@127.0.0.1:8181' })).toThrow('`key`')
    expect(() => connect({ management: '127.0.0.1:8181' })).toThrow(TypeError)
  })
})
