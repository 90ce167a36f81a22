/** Over a store that answers late, as Redis does, the sender is not notified either. */
import { expect, it, onTestFinished } from 'vitest'
import { doorOf } from '../../../src/config/types.ts'
import type { Hub } from '../../../src/hub/hub.ts'
import { LogHub } from '../../../src/hub/log-hub.ts'
import { sparkleshareKey } from '../../../src/protocols/sparkleshare/config.ts'
import { SparkleshareServer } from '../../../src/protocols/sparkleshare/server.ts'
import { MemoryStore } from '../../../src/stores/memory.ts'
import { DelayedStore } from '../../hub/delayed-store.ts'
import { doorContext } from '../../support/door-context.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { newVersion, register } from './sparkleshare-client.ts'

function onError(error: unknown): never {
  throw error
}

async function start(): Promise<{ store: DelayedStore; hub: Hub; port: number }> {
  const store = new DelayedStore(new MemoryStore())
  const hub = new LogHub(store, { soon: setImmediate, onError })
  const context = doorContext(hub, 'sparkleshare: { port: 0 }')
  const door = doorOf(context.config, 'sparkleshare', sparkleshareKey)
  if (door === false) throw new Error('it is on')
  const server = new SparkleshareServer(door, context)
  const { where } = await server.listen()
  onTestFinished(() => server.close())
  return { store, hub, port: Number(new URL(where).port) }
}

it.each(['announced first', 'answered first'])('what it published is %s', async (order) => {
  const { store, hub, port } = await start()
  const [sender, other] = [await RawClient.connect(port), await RawClient.connect(port)]
  for (const client of [sender, other]) client.send(register('x'))
  await until(() => hub.receivers('x' as never) === 2, 'both are registered')
  sender.send(newVersion('x', 'r1') + newVersion('x', 'r2'))
  await until(() => store.answers.length === 2, 'both are published')

  if (order === 'answered first') await store.answerAll()
  store.announce()
  expect(await other.takeUntil('r1"}')).toBe(newVersion('x', 'r1'))
  expect(await other.takeUntil('r2"}')).toBe(newVersion('x', 'r2'))
  await store.answerAll()

  other.send(newVersion('x', 'r3'))
  await until(() => store.answers.length === 1, 'it is published')
  store.announce()
  await store.answerAll()
  expect(await sender.takeUntil('}')).toBe(newVersion('x', 'r3'))
})
