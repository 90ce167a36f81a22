import { describe, expect, it } from 'vitest'
import { doorContext } from '../../support/door-context.ts'
import type { Exchange } from '../../../src/http/exchange.ts'
import { NO_REQUEST } from '../../../src/http/reply.ts'
import { LogHub } from '../../../src/hub/log-hub.ts'
import { Traffic } from '../../../src/hub/traffic.ts'
import type { ChannelName } from '../../../src/model/channel.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import type { MessageId } from '../../../src/model/id.ts'
import type { Draft } from '../../../src/model/message.ts'
import { Deliveries } from '../../../src/protocols/webhooks/deliveries.ts'
import { Hook } from '../../../src/protocols/webhooks/hook.ts'
import type { Appended, Store } from '../../../src/stores/store.ts'
import { until } from '../../support/wait.ts'

/** A store that answers when the test says so. */
class SlowStore implements Pick<Store, 'head' | 'append' | 'watch'> {
  readonly head = 0 as MessageId
  readonly drafts: Draft[] = []
  readonly waiting: { resolve: (appended: Appended) => void; reject: (error: Error) => void }[] = []

  append(draft: Draft): Promise<Appended> {
    this.drafts.push(draft)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  watch(): void {}
}

function start() {
  const store = new SlowStore()
  const errors: string[] = []
  const hub = new LogHub(store as unknown as Store, { soon: setImmediate })
  const hook = new Hook(
    {
      name: 'test',
      path: '/test',
      read: ({ body }) => [{ channel: 'c' as ChannelName, body }],
      deliveryOf: (request) => request.header('id'),
    },
    {
      hub,
      access: doorContext(hub).access,
      deliveries: new Deliveries(1000, 10),
      traffic: new Traffic(),
      onError: (error) => errors.push(String(error)),
    },
  )
  const answers: string[] = []
  const send = (id: string, peer = '127.0.0.1'): void => {
    const headers: Readonly<Record<string, string>> = { id }
    hook.handle({
      ...NO_REQUEST,
      method: 'POST',
      peer,
      header: (name: string) => headers[name],
      send: (response: Buffer) => answers.push(response.toString()),
    } as Partial<Exchange> as Exchange)
  }
  return { store, hook, answers, send, errors }
}

describe('a hook whose store takes its time', () => {
  it('publishes one of two deliveries that come at once, and answers both when it is stored', async () => {
    const { store, hook, answers, send } = start()
    send('1')
    send('1')
    send('2')
    expect(store.drafts).toHaveLength(2)
    expect(answers).toEqual([])

    for (const { resolve } of store.waiting) resolve({ id: 7 as MessageId, duplicate: false })
    await until(() => answers.length === 3, 'all are answered')
    send('1')

    expect(store.drafts).toHaveLength(2)
    const duplicates = answers.filter((answer) => answer.includes('OK (duplicate)'))
    expect(duplicates).toHaveLength(2)
    expect(hook.counters).toEqual({ accepted: 2, duplicates: 2, refused: 0 })
  })

  it('tells both of a failure, and takes the delivery when it comes again', async () => {
    const { store, hook, answers, send } = start()
    send('1')
    send('1')
    store.waiting[0]?.reject(new FanfareError('store_unavailable'))
    await until(() => answers.length === 2, 'both are answered')
    expect(answers.every((answer) => answer.startsWith('HTTP/1.1 503'))).toBe(true)

    send('1')
    store.waiting[1]?.resolve({ id: 7 as MessageId, duplicate: false })
    await until(() => answers.length === 3, 'the third is answered')

    expect(answers[2]).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nOK$/)
    expect(hook.counters).toEqual({ accepted: 1, duplicates: 0, refused: 2 })
  })

  it('counts what it refused', () => {
    const { hook, send } = start()
    send('1', '192.0.2.1')
    expect(hook.counters).toEqual({ accepted: 0, duplicates: 0, refused: 1 })
  })
})

describe('the ids of deliveries', () => {
  it('are remembered for a while, and so many at most', () => {
    let now = 0
    const deliveries = new Deliveries(100, 3, () => now)
    for (const key of ['a', 'b', 'c', 'd']) deliveries.remember(key, 1 as MessageId)
    expect(deliveries.find('a')).toBeUndefined()
    expect(deliveries.find('b')?.id).toBe(1)

    now = 99
    deliveries.remember('b', 2 as MessageId)
    now = 100
    expect(deliveries.find('c')).toBeUndefined()
    expect(deliveries.find('b')?.id).toBe(2)
    deliveries.remember('e', 3 as MessageId)
    expect(deliveries.size).toBe(2)
  })

  it('are not remembered at all with a bound of 0', () => {
    const deliveries = new Deliveries(100, 0, () => 0)
    deliveries.remember('a', 1 as MessageId)
    expect(deliveries.size).toBe(0)
  })
})
