import { connectionCommands } from './commands/connection.ts'
import { clientCommands } from './commands/client.ts'
import { keyCommands } from './commands/keys.ts'
import { pubsubCommands } from './commands/pubsub.ts'
import { refusedCommands } from './commands/refused.ts'
import { serverCommands } from './commands/server.ts'
import { streamCommands } from './commands/streams.ts'
import { type Command, commandsOf } from './command.ts'
import { RedisError } from './errors.ts'
import type { Args } from './parser.ts'

/** How much of a command is repeated to whoever sent it. */
const SHOWN = 128

/** Every command of this door. */
export class CommandTable {
  readonly commands: ReadonlyMap<string, Command> = commandsOf({
    ...connectionCommands,
    ...clientCommands,
    ...pubsubCommands,
    ...streamCommands,
    ...keyCommands,
    ...refusedCommands,
    ...serverCommands,
  })
  /** The last one found, and how it was written: most commands are the same as the one before. */
  #last: Command | undefined
  #written = ''

  /**
   * Finds what is asked for, and checks the number of its arguments.
   * @throws RedisError
   */
  find(args: Args): Command {
    const last = this.#last
    if (last && args.is(0, this.#written)) {
      checkArity(last, args)
      return last
    }
    const command = this.commands.get(args.lower(0))
    if (!command) throw unknown(args)
    if (command.subcommands.size > 0 && args.count > 1) {
      const sub = command.subcommands.get(args.lower(1))
      if (!sub) {
        throw new RedisError(
          `ERR unknown subcommand '${shown(args.text(1))}'. Try ${command.name.toUpperCase()} HELP.`,
        )
      }
      checkArity(sub, args)
      return sub
    }
    checkArity(command, args)
    if (command.subcommands.size === 0) {
      this.#last = command
      this.#written = args.text(0)
    }
    return command
  }
}

function checkArity({ arity, name }: Command, args: Args): void {
  if (arity > 0 ? args.count === arity : args.count >= -arity) return
  throw new RedisError(`ERR wrong number of arguments for '${name}' command`)
}

function unknown(args: Args): RedisError {
  let rest = ''
  for (let index = 1; index < args.count && rest.length < SHOWN; index++) {
    rest += `'${args.text(index).slice(0, SHOWN - rest.length)}' `
  }
  const name = shown(args.text(0))
  return new RedisError(`ERR unknown command '${name}', with args beginning with: ${rest}`)
}

/** C's text ends at a NUL. */
function shown(text: string): string {
  const end = text.indexOf('\0')
  return text.slice(0, end === -1 ? SHOWN : Math.min(end, SHOWN))
}
