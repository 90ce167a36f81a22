import { expect, it } from 'vitest'
import { framesOf } from '../../../src/protocols/sparkleshare/zeromq/frames.ts'

/** A socket of which libzmq says what it is told to, one after the other, and is closed then. */
class Socket {
  closed = false
  readonly #given: (string | Error)[]

  constructor(...given: (string | Error)[]) {
    this.#given = given
  }

  receive(): Promise<Buffer[]> {
    const next = this.#given.shift() ?? again()
    this.closed = this.#given.length === 0
    return typeof next === 'string' ? Promise.resolve([Buffer.from(next)]) : Promise.reject(next)
  }
}

function again(): Error {
  return Object.assign(new Error('Operation was not possible or timed out'), { code: 'EAGAIN' })
}

async function heard(socket: Socket): Promise<string[]> {
  const all: string[] = []
  for await (const [frame] of framesOf(socket)) all.push(frame?.toString() ?? '')
  return all
}

it('a socket that has nothing after all goes on', async () => {
  expect(await heard(new Socket('one', again(), 'two', again()))).toEqual(['one', 'two'])
})

it('a socket that fails says so', async () => {
  await expect(heard(new Socket('one', new Error('no such socket'), 'two'))).rejects.toThrow(
    'no such socket',
  )
})
