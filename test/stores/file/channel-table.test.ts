import { describe, expect, it } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import type { MessageId } from '../../../src/model/id.ts'
import { ChannelTable } from '../../../src/stores/file/channel-table.ts'

const FLOOR = 0 as MessageId
const OLDEST = 1
const NEWEST = 7

function add(table: ChannelTable, name: string) {
  return table.add(name as ChannelName, FLOOR, OLDEST)
}

describe('numbers of channels', () => {
  it('are used again at once when there was never a message', () => {
    const table = new ChannelTable()
    add(table, 'stays')
    for (let time = 0; time < 10_000; time++) {
      table.remove(add(table, `comes and goes ${time}`), NEWEST)
    }

    expect(add(table, 'another').number).toBe(1)
    expect(table.list(0, 10).names).toEqual(['stays', 'another'])
  })

  it('stay those of the channel that is gone while there are segments with its messages', () => {
    const table = new ChannelTable()
    const gone = add(table, 'gone')
    gone.push(0, 1 as MessageId, 100)
    table.remove(gone, NEWEST)

    expect(add(table, 'another').number).toBe(1)
    expect(table.byNumber(0)).toBe(gone)
    expect(table.add('later' as ChannelName, FLOOR, NEWEST + 1).number).toBe(0)
  })
})
