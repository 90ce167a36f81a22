import type { CommandSpec } from '../command.ts'

/** `X HELP`. @param lines without the first and the last, which are the same for all */
export function help(name: string, lines: readonly string[]): CommandSpec {
  const all = [
    `${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ]
  return {
    arity: 2,
    summary: 'Show helpful text about the different subcommands',
    since: '5.0.0',
    group: 'server',
    run: (_connection, _args, out) => {
      out.array(all.length)
      for (const line of all) out.simple(line)
    },
  }
}
