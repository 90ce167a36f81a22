import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { callbackDefinitions } from '../../src/sdk/callback/definitions.ts'
import HttpProxy from '../../src/sdk/callback/http-proxy.ts'
import { SERVICES } from '../../src/services/definitions/index.ts'
import { fakeServer } from '../client/fake-server.ts'
import { startManaged, Told } from '../protocols/management/support.ts'
import { EVERY_METHOD } from './every-method.ts'

const DEFINITIONS = callbackDefinitions()

type Method = (...args: unknown[]) => void

/** What a call gave to its callbacks. */
function call(method: Method | undefined, ...args: unknown[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    method?.(...args, resolve, (error: string) => reject(new Error(error)))
  })
}

describe('services with callbacks', () => {
  it('run the example of socket-push’s README', async () => {
    const { admin } = await startManaged()
    const auth = new HttpProxy(DEFINITIONS.auth, '127.0.0.1', admin)
    const result = await new Promise((resolve, reject) => {
      auth.set(1, 'test', resolve, (error) => reject(new Error(error)))
    })
    expect(result).toBeUndefined()
    expect(await call(auth.check as Method, 'test')).toBe(1)
  })

  it('call every method of every service', async () => {
    const { admin, server } = await startManaged()
    await server.users.connect('5', new Told('c1'))
    const services = Object.fromEntries(
      Object.entries(DEFINITIONS).map(([name, definition]) => [
        name,
        new HttpProxy(definition, '127.0.0.1', admin) as unknown as Record<string, Method>,
      ]),
    )
    for (const { call: wanted, result, error } of EVERY_METHOD) {
      const [service, method, args] = wanted
      // Users are numbers here, as they were there.
      const numbers = args.map((arg) => (arg === 'mona' ? 77 : arg))
      const answer = call(services[service]?.[method], ...numbers)
      if (error !== undefined) await expect(answer, method).rejects.toThrow(/\w/)
      else expect(await answer, method).toEqual(result === 'mona' ? 77 : result)
    }
  })

  it('give the server’s bare words to the second callback', async () => {
    const { admin } = await startManaged()
    const auth = new HttpProxy(DEFINITIONS.auth, '127.0.0.1', admin)
    const user = new HttpProxy(DEFINITIONS.user, '127.0.0.1', admin)
    await expect(call(auth.check as Method, 'nobody’s')).rejects.toThrow('Authorization failed')
    await expect(call(user.publish as Method, 77, {})).rejects.toThrow('User not connected')
    await expect(call(user.publish as Method, 77, null)).rejects.toThrow('Message missing')
  })

  it('take arguments with anything in them', async () => {
    const { admin } = await startManaged()
    const channel = new HttpProxy(DEFINITIONS.channel, '127.0.0.1', admin)
    await call(channel.publish as Method, 'a/b?c#d%20 ä', { text: '/../%☃' })
    const { messages } = (await call(channel.history as Method, 'a/b?c#d%20 ä')) as {
      messages: { body: string }[]
    }
    expect(messages.map(({ body }) => JSON.parse(body) as unknown)).toEqual([{ text: '/../%☃' }])
  })

  it('throw for arguments that are of another type', () => {
    const { set, add } = new HttpProxy(DEFINITIONS.auth, '127.0.0.1', 1) as unknown as Record<
      string,
      Method
    >
    expect(() => set?.('1', 'test')).toThrow('Expected integer')
    expect(() => set?.(1.5, 'test')).toThrow('Expected integer')
    expect(() => set?.()).toThrow('Expected integer')
    expect(() => set?.(1)).toThrow('Expected string')
    expect(() => set?.(1, '')).toThrow('Expected string')
    expect(() => add?.(1, 'test', '60')).toThrow('Expected integer')
  })

  it('send a key', async () => {
    const key = 'a-key-of-enough-characters'
    const { admin } = await startManaged(`key: ${key}`)
    const without = new HttpProxy(DEFINITIONS.auth, '127.0.0.1', admin)
    const withKey = new HttpProxy(DEFINITIONS.auth, '127.0.0.1', admin, key)
    await expect(call(without.set as Method, 1, 'test')).rejects.toThrow(/\w/)
    await call(withKey.set as Method, 1, 'test')
  })

  it('tell of a connection that failed, once', async () => {
    const nobody = new HttpProxy(DEFINITIONS.channel, '127.0.0.1', 1)
    await expect(call(nobody.listAll as Method)).rejects.toThrow('ECONNREFUSED')
    const cut = await fakeServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n["a"', () => socket.destroy())
    })
    const errors: string[] = []
    await new Promise<void>((resolve) => {
      new HttpProxy(DEFINITIONS.channel, '127.0.0.1', cut).listAll(undefined, (error) => {
        errors.push(error)
        resolve()
      })
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual(['aborted'])
    const page = await fakeServer((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>'),
    )
    const other = new HttpProxy(DEFINITIONS.channel, '127.0.0.1', page)
    await expect(call(other.listAll as Method)).rejects.toThrow('<html>')
  })

  it('warn of what nobody is told', async () => {
    const warned = new Promise<Error>((resolve) => {
      process.once('warning', resolve)
    })
    new HttpProxy(DEFINITIONS.channel, '127.0.0.1', 1).listAll()
    expect((await warned).message).toMatch(/^channel\/listAll: .*ECONNREFUSED/)
  })

  it('have definitions made from those of the services', () => {
    for (const [name, { methods }] of Object.entries(SERVICES)) {
      const definition = DEFINITIONS[name as keyof typeof SERVICES]
      expect(definition.name).toBe(name)
      expect(Object.keys(definition.methods)).toEqual(Object.keys(methods))
      const built = createRequire(import.meta.url)(`../../dist/cjs/service/${name}.cjs`) as unknown
      expect(built).toEqual(definition)
    }
    expect(DEFINITIONS.auth.methods['set']).toEqual({
      params: [
        { name: 'userId', type: 'number' },
        { name: 'sessionId', type: 'string' },
      ],
      description: 'Set Auth',
    })
  })
})
