/** A store that answers later, as a file or a Redis does: replies keep the order of the commands. */
import { describe, expect, it } from 'vitest'
import { FanfareError } from '../../../src/model/errors.ts'
import type { Draft } from '../../../src/model/message.ts'
import { until } from '../../support/wait.ts'
import { RespClient, startRedis } from './resp-client.ts'

/** Appends wait until they are let through, one by one. */
async function startSlow() {
  const test = await startRedis()
  const hub = test.server.hub()
  const publish = hub.publish.bind(hub)
  const gates: ((error?: Error) => void)[] = []
  hub.publish = async (draft: Draft) => {
    await new Promise<void>((resolve, reject) => {
      gates.push((error) => (error ? reject(error) : resolve()))
    })
    return publish(draft)
  }
  const client = await RespClient.connect(test.redisPort)
  return { ...test, gates, client }
}

describe('replies', () => {
  it('of appends come in order, and several wait at once', async () => {
    const { client, gates } = await startSlow()
    client.send('PING')
    client.send('PUBLISH', 'a', '1')
    client.send('XADD', 'a', '*', 'body', '2')
    client.send('PUBLISH', 'a')
    client.send('PUBLISH', 'a', '3')
    client.send('XLEN', 'a')
    client.send('ECHO', 'end')
    expect(await client.value()).toBe('+PONG')
    await until(() => gates.length === 2, 'two wait, and none beyond the mistake')
    gates[1]?.()
    gates[0]?.()
    expect(await client.value()).toBe(0)
    expect(await client.value()).toMatch(/^\d+-\d+$/)
    expect(await client.value()).toBe("-ERR wrong number of arguments for 'publish' command")
    await until(() => gates.length === 3, 'the third waits')
    gates[2]?.()
    expect(await client.values(3)).toEqual([0, 3, 'end'])
  })

  it('tell what went wrong in its place', async () => {
    const { client, gates } = await startSlow()
    for (const n of [1, 2, 3]) client.send('PUBLISH', 'a', n)
    await until(() => gates.length === 3, 'all wait')
    gates[2]?.()
    gates[1]?.(new FanfareError('store_unavailable'))
    gates[0]?.()
    expect(await client.values(3)).toEqual([
      0,
      '-ERR The store cannot take messages at this moment.',
      0,
    ])
  })

  it('that nobody wants are not written', async () => {
    const { client, gates } = await startSlow()
    client.send('CLIENT', 'REPLY', 'SKIP')
    client.send('PUBLISH', 'a', '1')
    client.send('PUBLISH', 'a', '2')
    client.send('ECHO', 'end')
    await until(() => gates.length === 2, 'both wait')
    for (const open of gates) open()
    expect(await client.values(2)).toEqual([0, 'end'])
  })

  it('are written before a half that has ended is closed', async () => {
    const { client, gates } = await startSlow()
    client.send('PUBLISH', 'a', '1')
    client.raw.socket.end()
    await until(() => gates.length === 1, 'it waits')
    gates[0]?.()
    expect(await client.raw.rest()).toBe(':0\r\n')
  })

  it('to whoever has gone are forgotten', async () => {
    const { client, gates, server } = await startSlow()
    client.send('PUBLISH', 'a', '1')
    await until(() => gates.length === 1, 'it waits')
    client.raw.close()
    gates[0]?.()
    await until(() => server.hub().stat('a' as never) !== undefined, 'it is stored all the same')
  })

  it('wait in bounded number', async () => {
    const { client, gates } = await startSlow()
    for (let n = 0; n < 1_500; n++) client.send('PUBLISH', 'a', n)
    await until(() => gates.length === 1_024, 'as many as may wait')
    let opened = 0
    while (opened < 1_500) {
      await until(() => gates.length > opened, 'more')
      gates[opened++]?.()
    }
    expect(await client.values(1_500)).toEqual(Array.from({ length: 1_500 }, () => 0))
  })
})
