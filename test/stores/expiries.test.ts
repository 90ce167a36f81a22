import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeId } from '../../src/model/id.ts'
import { Message } from '../../src/model/message.ts'
import { ChannelLog } from '../../src/stores/channel-log.ts'
import { Expiries } from '../../src/stores/expiries.ts'
import { draft, name } from './contract/harness.ts'

function publish(expiries: Expiries, log: ChannelLog, n: number, ttl: number): Message {
  const message = new Message(makeId(1, n), 1_000, draft('a', 'x', { ttl }))
  log.push(message)
  expiries.add(message, log)
  return message
}

const newLog = (): ChannelLog => new ChannelLog(name('a'), makeId(0, 0))

describe('Expiries', () => {
  it('gives what is due, the earliest first, and takes it out of its log', () => {
    const [expiries, log] = [new Expiries(), newLog()]
    for (const [n, ttl] of [5, 1, 4, 2, 3].entries()) publish(expiries, log, n, ttl)

    const due = []
    for (let one = expiries.takeDue(4_000); one; one = expiries.takeDue(4_000)) due.push(one)

    expect(due.map(({ message }) => message.expires)).toEqual([2_000, 3_000, 4_000])
    expect(log.timeline.count).toBe(2)
    expect(expiries.takeDue(4_999)).toBeUndefined()
    expect(expiries.takeDue(5_000)?.message.expires).toBe(5_000)
  })

  it('passes by what was dropped otherwise', () => {
    const [expiries, log] = [new Expiries(), newLog()]
    publish(expiries, log, 0, 1)
    const second = publish(expiries, log, 1, 1)
    log.shift()
    expiries.dropped()

    expect(expiries.takeDue(10_000)).toEqual({ log, message: second })
    expect(expiries.takeDue(10_000)).toBeUndefined()
  })

  it('lets go of the logs of what was dropped, although it would have run out much later', () => {
    const expiries = new Expiries()
    const log = newLog()
    for (let n = 0; n < 100_000; n++) {
      publish(expiries, log, n, 1_000_000)
      if (log.timeline.count <= 10) continue
      log.shift()
      expiries.dropped()
    }

    expect(expiries.length).toBeLessThan(3_000)
    const left = []
    for (let one = expiries.takeDue(Infinity); one; one = expiries.takeDue(Infinity)) left.push(one)
    expect(left).toHaveLength(10)
  })

  it('does what sorting does, for any expiries and drops', () => {
    const steps = fc.array(
      fc.oneof(fc.record({ ttl: fc.nat(50) }), fc.record({ pass: fc.nat(20) })),
    )
    fc.assert(
      fc.property(steps, (list) => {
        const [expiries, log] = [new Expiries(), newLog()]
        let plain: number[] = []
        let now = 1_000
        for (const [n, step] of list.entries()) {
          if ('ttl' in step) plain.push(publish(expiries, log, n, step.ttl).expires)
          else now += step.pass * 1_000
          const due = []
          for (let one = expiries.takeDue(now); one; one = expiries.takeDue(now)) {
            due.push(one.message.expires)
          }
          expect(due).toEqual(plain.filter((at) => at <= now).toSorted((a, b) => a - b))
          plain = plain.filter((at) => at > now)
          expect(log.timeline.count).toBe(plain.length)
        }
      }),
    )
  })
})
