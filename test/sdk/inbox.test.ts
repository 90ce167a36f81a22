import { describe, expect, it } from 'vitest'
import { Inbox } from '../../src/sdk/inbox.ts'
import type { Gap } from '../../src/sdk/messages.ts'

const gap = (from: string): Gap => ({ kind: 'gap', from, to: '' })

describe('the inbox', () => {
  it('is full at its number of messages, and has room again when half is read', async () => {
    const inbox = new Inbox(4)
    for (let n = 0; n < 4; n++) inbox.give(gap(String(n)), String(n), 1)
    expect(inbox.full).toBe(true)
    let roomy = false
    const room = inbox.room().then(() => (roomy = true))
    await inbox.take()
    await Promise.resolve()
    expect(roomy).toBe(false)
    await inbox.take()
    await room
    expect(roomy).toBe(true)
  })

  it('is full at its number of characters', async () => {
    const inbox = new Inbox(1_000)
    inbox.give(gap('a'), 'a', 2 ** 22)
    expect(inbox.full).toBe(false)
    inbox.give(gap('b'), 'b', 2 ** 22)
    expect(inbox.full).toBe(true)
    await inbox.take()
    expect(inbox.full).toBe(false)
  })

  it('keeps apart how far was read, and how far has come', async () => {
    const inbox = new Inbox(10)
    inbox.stand('0')
    expect([inbox.read, inbox.reached]).toEqual(['0', '0'])
    inbox.give(gap('a'), '1', 1)
    inbox.give(gap('b'), undefined, 1)
    inbox.stand('2')
    expect([inbox.read, inbox.reached]).toEqual(['0', '2'])
    await inbox.take()
    expect(inbox.read).toBe('1')
    await inbox.take()
    expect(inbox.read).toBe('1')
  })

  it('gives what waits before it fails, and then ends', async () => {
    const inbox = new Inbox(10)
    inbox.give(gap('a'), '1', 1)
    inbox.fail(new Error('refused'))
    inbox.give(gap('late'), '2', 1)
    expect(await inbox.take()).toEqual(gap('a'))
    await expect(inbox.take()).rejects.toThrow('refused')
    expect(await inbox.take()).toBeUndefined()
  })

  it('serves several that wait, and ends them all', async () => {
    const inbox = new Inbox(10)
    const taken = [inbox.take(), inbox.take(), inbox.take()]
    inbox.give(gap('a'), '1', 1)
    inbox.give(gap('b'), '2', 1)
    inbox.close()
    expect(await Promise.all(taken)).toEqual([undefined, undefined, undefined])
    expect(inbox.full).toBe(false)
  })
})
