import { describe, expect, it } from 'vitest'
import type { Draft } from '../../../src/model/message.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { channels, draft, type Start } from './harness.ts'

export function keyContract(start: Start): void {
  describe('idempotency keys', () => {
    it('store the same message once, and answer its id again', async () => {
      const subject = await start()
      const one = draft('a', 'body', {
        key: 'k',
        contentType: 'text/plain',
        attributes: { a: 'b' },
      })
      const first = await subject.append(one)
      const other = await subject.append(draft('a', 'other'))

      const again = await subject.append({ ...one, body: Buffer.from('body') })

      expect(first.duplicate).toBe(false)
      expect(again).toEqual({ id: first.id, duplicate: true })
      expect(await subject.bodies(channels('a'))).toEqual(['body', 'other'])
      const last = await subject.publish('a', 'last')
      expect(await subject.heardAtLeast(3)).toEqual([first.id, other.id, last])
    })

    it('belong to their channel', async () => {
      const subject = await start()
      await subject.append(draft('a', 'in a', { key: 'k' }))
      // Neither may a name and a key be shifted into each other.
      await subject.append(draft('ak', 'in ak', { key: 'k' }))

      expect(await subject.append(draft('b', 'in b', { key: 'k' }))).toMatchObject({
        duplicate: false,
      })
      expect(await subject.append(draft('a', 'kk', { key: 'kk' }))).toMatchObject({
        duplicate: false,
      })
    })

    it.each<[string, Partial<Draft>]>([
      ['body', { body: Buffer.from('other') }],
      ['content type', { contentType: 'text/html' }],
      ['data', { data: '{"other":1}' }],
      ['attributes', { attributes: { revision: 'other' } }],
      ['expiry', { ttl: 7 }],
    ])('refuse another message under the same key: another %s', async (_what, change) => {
      const subject = await start()
      const one = draft('a', 'body', {
        key: 'k',
        contentType: 'text/plain',
        data: '{}',
        attributes: { revision: 'one' },
        ttl: 60,
      })
      const { id } = await subject.append(one)

      await expect(subject.append({ ...one, ...change })).rejects.toSatisfy(isKeyReused)

      expect(await subject.bodies(channels('a'))).toEqual(['body'])
      // The key still stands for the first message.
      expect(await subject.append(one)).toEqual({ id, duplicate: true })
    })

    it('are forgotten after their time', async () => {
      const subject = await start({ keyWindow: 60_000 })
      const one = draft('a', 'body', { key: 'k' })
      const first = await subject.append(one)
      await subject.heardAtLeast(1)
      const time = subject.messages[0]?.time ?? Number.NaN

      subject.time.ms = time + 59_999
      expect(await subject.append(one)).toEqual({ id: first.id, duplicate: true })
      subject.time.ms = time + 60_000

      const second = await subject.append(one)
      expect(second.duplicate).toBe(false)
      expect(second.id).toBeGreaterThan(first.id)
      // Another message may have it then, too.
      subject.time.pass(60_000)
      expect(await subject.append({ ...one, body: Buffer.from('other') })).toMatchObject({
        duplicate: false,
      })
    })

    it('are remembered in a bounded number, the newest', async () => {
      const subject = await start({ maxKeys: 3 })
      const drafts = ['1', '2', '3', '4', '5'].map((key) => draft('a', key, { key }))
      for (const one of drafts) await subject.append(one)

      const duplicates = []
      for (const one of drafts.toReversed()) {
        duplicates.push((await subject.append(one)).duplicate)
      }

      // From the newest back; storing '2' again then takes the place of another.
      expect(duplicates.slice(0, 3)).toEqual([true, true, true])
      expect(duplicates[3]).toBe(false)
    })

    it('outlive their message', async () => {
      const subject = await start({ maxMessages: 1 })
      const one = draft('a', 'body', { key: 'k' })
      const { id } = await subject.append(one)
      await subject.publish('a', 'pushes it out')

      expect(await subject.append(one)).toEqual({ id, duplicate: true })
      await subject.remove('a')
      expect(await subject.append(one)).toEqual({ id, duplicate: true })
    })

    it('are not asked of messages without one', async () => {
      const subject = await start()
      await subject.append(draft('a', 'same'))
      await subject.append(draft('a', 'same'))

      expect(await subject.bodies(channels('a'))).toEqual(['same', 'same'])
    })
  })
}

function isKeyReused(error: unknown): boolean {
  return error instanceof FanfareError && error.code === 'key_reused'
}
