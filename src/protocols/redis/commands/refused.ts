import type { CommandSpec } from '../command.ts'
import { RedisError } from '../errors.ts'

/** What Redis has and this door has not, with the reason: better than `unknown command`. */
const REASONS: Readonly<Record<string, string>> = {
  xdel: 'messages are not changed once they are kept; DEL removes a whole channel',
  xtrim: 'how much is kept is a setting of the store',
  xsetid: 'IDs are given by this server',
  xgroup: 'there are no consumer groups; each reader keeps its own last ID',
  xreadgroup: 'there are no consumer groups; each reader keeps its own last ID',
  xack: 'there are no consumer groups',
  xclaim: 'there are no consumer groups',
  xautoclaim: 'there are no consumer groups',
  xpending: 'there are no consumer groups',
  keys: 'it would look at all channels at once; use SCAN',
}

export const refusedCommands: Readonly<Record<string, CommandSpec>> = Object.fromEntries(
  Object.entries(REASONS).map(([name, reason]) => [
    name,
    {
      arity: -1,
      refused: true,
      summary: reason,
      since: '5.0.0',
      group: 'stream',
      run: () => {
        throw new RedisError(`ERR ${name.toUpperCase()} is not supported here: ${reason}`)
      },
    },
  ]),
)
