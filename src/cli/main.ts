#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander'
import type { Format, PublishFlags, ServeFlags, WatchFlags } from './flags.ts'
import { version } from './version.ts'

/** Where a server with the defaults is found. */
const DEFAULT_SERVER = 'http://localhost:8080'

function formatOption(): Option {
  return new Option(
    '-f, --format <format>',
    'of the configuration, when the name of the file does not tell',
  ).choices(['yaml', 'json', 'gitpubsub'])
}

const program = new Command('fanfare')
  .description('One push server: publish by any door, listen by any other, miss nothing.')
  .version(version())
  .showHelpAfterError('(--help says more)')
  .showSuggestionAfterError()
  .exitOverride()
  .enablePositionalOptions()

program
  .command('serve')
  .description('run the server')
  .option(
    '-c, --config <file>',
    'configuration: YAML, JSON, or a gitpubsub.cfg; without it, the defaults',
  )
  .addOption(formatOption())
  .option('-p, --port <port>', 'main port, before what the configuration says; 0 = any free one')
  .option('-a, --address <address>', 'address to listen on, before what the configuration says')
  .addHelpText(
    'after',
    `
Every key of the configuration can be set by an environment variable too:
limits.heartbeat by FANFARE_LIMITS__HEARTBEAT. docs/configuration.md lists them.
The other commands (publish, watch, config): fanfare --help, or npx fanfare --help in a clone.`,
  )
  .action(async (options: ServeFlags) => {
    const { serve } = await import('./serve.ts')
    process.exitCode = await serve(options)
  })

program
  .command('publish')
  .description('publish a message: the argument, or what comes on standard input')
  .argument(
    '<url|channel>',
    'a publisher URL, or a channel of the server at --server with its default locations',
  )
  .argument('[message]', 'the message; without it, standard input')
  .option('-t, --type <type>', 'content type; by default JSON for an object or a list, else text')
  .option('-l, --lines', 'each line of standard input is a message of its own')
  .option('-k, --key <key>', 'idempotency key: a retry with the same key is stored once')
  .option('--ttl <seconds>', 'after this long nobody is to get it any more')
  .option('-s, --server <url>', 'the server', process.env['FANFARE_URL'] ?? DEFAULT_SERVER)
  .action(async (target: string, message: string | undefined, options: PublishFlags) => {
    const { publish } = await import('./publish.ts')
    process.exitCode = await publish(target, message, options)
  })

program
  .command('watch')
  .description('show messages as they come; reconnects, resumes, and says what was missed')
  .argument(
    '<url|channel>',
    'an events or websocket URL, or a channel of the server at --server with its default locations',
  )
  .option('--since <cursor>', 'start with an id, a unix time, or all that is kept')
  .option('--last <n>', 'start with the newest n messages')
  .option('--json', 'each message as a line of JSON')
  .option('-n, --count <n>', 'stop after n messages')
  .option('-s, --server <url>', 'the server', process.env['FANFARE_URL'] ?? DEFAULT_SERVER)
  .action(async (target: string, options: WatchFlags) => {
    const { watch } = await import('./watch.ts')
    process.exitCode = await watch(target, options)
  })

const config = program.command('config').description('check a configuration, or describe it')
config
  .command('check')
  .description('say whether a configuration can be used, and where not')
  .argument('<file>')
  .addOption(formatOption())
  .action(async (file: string, options: { format?: Format }) => {
    const { checkConfig } = await import('./config.ts')
    process.exitCode = checkConfig(file, options.format)
  })
config
  .command('schema')
  .description('print the JSON Schema of the configuration, for editors')
  .action(async () => {
    const { printSchema } = await import('./config.ts')
    process.exitCode = printSchema()
  })

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else throw error
}
