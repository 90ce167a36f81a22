/** Two whole servers over one Redis Cluster of three real masters: what is spread there is one here. */
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { partitionOf } from '../../src/stores/partition.ts'
import { EventsClient } from '../protocols/events/events-client.ts'
import { RedisCluster } from '../stores/redis/cluster-rig.ts'
import { request } from '../support/raw.ts'
import { startServer } from '../support/server.ts'

const PARTITIONS = 16
/** So many channels that they lie in several partitions. */
const NAMES = Array.from({ length: 8 }, (_, n) => `channel-${n}`)

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await RedisCluster.start()
}, 60_000)

afterAll(() => cluster.end())

let prefixes = 0

/** Servers that share what is kept under a prefix of this test's own, and what they said beside. */
async function servers(): Promise<[number, number, unknown[][]]> {
  const seeds = cluster.masters.map(({ port }) => `127.0.0.1:${port}`).join(', ')
  const yaml = `store: { type: redis, cluster: [${seeds.replaceAll(/127[^,]*/g, '"$&"')}], key_prefix: t${++prefixes}_, publish_wait: 10s }`
  const [one, other] = [await startServer(yaml), await startServer(yaml)]
  return [one.port, other.port, [one.errors, other.errors]]
}

async function post(port: number, channel: string, body: string): Promise<void> {
  const answer = await request(port, 'POST', `/publisher/${channel}`, {}, body)
  if (answer.status >= 300) throw new Error(String(answer.body))
}

/** Takes events until so many data have come. */
async function take(client: EventsClient, count: number): Promise<{ id: string; data: string }[]> {
  const found: { id: string; data: string }[] = []
  while (found.length < count) {
    const { id = '', data, event } = await client.block()
    if (event === 'gap') throw new Error(`a gap: ${data}`)
    if (data !== undefined) found.push({ id, data })
  }
  return found
}

function follow(port: number, lastId?: string): Promise<EventsClient> {
  const headers = lastId === undefined ? undefined : { 'Last-Event-ID': lastId }
  const opened = EventsClient.follow(port, '/events/?channel=/', headers)
  void opened.then((client) => onTestFinished(() => client.close()))
  return opened
}

const bodies = (events: readonly { data: string }[]): string[] =>
  events.map(({ data }) => data).sort()

it('what is published on one is heard on the other, in every partition', async () => {
  expect(new Set(NAMES.map((name) => partitionOf(name as never, PARTITIONS))).size).toBeGreaterThan(
    3,
  )
  const [here, there] = await servers()
  const client = await follow(there)
  for (const name of NAMES) await post(here, name, `of ${name}`)
  expect(bodies(await take(client, NAMES.length))).toEqual(NAMES.map((name) => `of ${name}`))
})

it('a cursor of one server is good on the other: nothing lost, nothing twice', async () => {
  const [here, there] = await servers()
  const first = await follow(here)
  for (const name of NAMES) await post(here, name, `first ${name}`)
  const had = await take(first, 5)
  first.close()
  for (const name of NAMES) await post(there, name, `second ${name}`)

  const later = await follow(there, had.at(-1)?.id)
  const rest = await take(later, 2 * NAMES.length - had.length)
  const all = NAMES.flatMap((name) => [`first ${name}`, `second ${name}`])
  expect(bodies([...had, ...rest])).toEqual(all.sort())
})

it('a slot that moves while messages are published and heard loses none of them', async () => {
  const [here, there, said] = await servers()
  const client = await follow(there)
  const moved = NAMES[0] as string
  const slot = await cluster.slotOf(`{${partitionOf(moved as never, PARTITIONS)}}`)
  const owner = await cluster.ownerOf(slot)
  const target = cluster.masters.find((master) => master !== owner)
  let count = 0
  const publishing = (async () => {
    for (; count < 120; count++) await post(here, NAMES[count % 2] as string, `${count}`)
  })()
  await take(client, 20)
  await cluster.move(slot, target as never)
  await publishing
  const rest = await take(client, 100)
  const ofMoved = rest.map(({ data }) => Number(data)).filter((n) => n % 2 === 0)
  expect(ofMoved).toEqual([...ofMoved].sort((a, b) => a - b))
  expect(new Set(rest.map(({ data }) => data)).size).toBe(100)
  // Both told of it, and have found the slot again.
  for (const words of said) {
    for (const one of words.splice(0)) expect(String(one)).toMatch(/hash slot|is available/)
  }
})
