#!/usr/bin/env node
import { Argument, Command, CommanderError, Option } from 'commander'
import type { Action } from '../access/grants.ts'
import type {
  ExplainFlags,
  Format,
  GenerateFlags,
  KeyCreateFlags,
  KeyFlags,
  ListenFlags,
  NotifyFlags,
  PublishFlags,
  ServeFlags,
  TopFlags,
  WatchFlags,
} from './flags.ts'
import type { DoctorFlags } from './doctor/index.ts'
import type { InstallFlags } from './hook-install.ts'
import type { HookFlags } from './hook-settings.ts'
import type { ListenAction } from './listen.ts'
import type { ExportFlags } from './log.ts'
import { version } from '../config/version.ts'

/** Where a server with the defaults is found. */
const DEFAULT_SERVER = 'http://localhost:8080'

function formatOption(): Option {
  return new Option(
    '-f, --format <format>',
    'of the configuration, when the name of the file does not tell',
  ).choices(['yaml', 'json', 'gitpubsub'])
}

function caOption(): Option {
  return new Option(
    '--ca <file>',
    'authority (PEM) that may have signed the certificate of the server, beside the known ones',
  ).env('FANFARE_CA')
}

function accessKeyOption(more = ''): Option {
  return new Option(
    '--access-key <key>',
    `a key or token to show; else what FANFARE_KEY holds, which no list of processes shows${more}`,
  )
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
  .option('-n, --node <name>', 'be a node of a cluster, under this name; docs/cluster.md says more')
  .option('--roles <names>', 'doors and services that this node carries, with commas; else all')
  .option('--spare-for <names>', 'what it takes over from a node that is gone, with commas')
  .option('-w, --workers <n>', 'so many processes behind the same ports; needs Redis stores')
  .option(
    '--log-level <level>',
    'the least important events told: debug, info, warn, error, silent',
  )
  .option('--log-format <format>', 'auto (for people on a terminal, else JSON), json, pretty')
  .option('--no-watch', 'read the configuration again at SIGHUP only, not when its file changes')
  .addHelpText(
    'after',
    `
Every key of the configuration can be set by an environment variable too:
limits.heartbeat by FANFARE_LIMITS__HEARTBEAT. docs/configuration.md lists them.
The other commands (publish, watch, hook, config): fanfare --help, or npx fanfare --help in a clone.`,
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
    'a channel of the server at --server with its default locations, or a URL: http(s): of a publisher, ws(s):, redis(s):, feed(s):, tcp: and zmq: (SparkleShare), fanout:',
  )
  .argument('[message]', 'the message; without it, standard input')
  .option('-t, --type <type>', 'content type; by default JSON for an object or a list, else text')
  .option('-l, --lines', 'each line of standard input is a message of its own')
  .option('-k, --key <key>', 'idempotency key: a retry with the same key is stored once')
  .option('--ttl <seconds>', 'after this long nobody is to get it any more')
  .addOption(accessKeyOption())
  .addOption(caOption())
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
    'a channel of the server at --server with its default locations, or a URL: http(s): of event streams, ws(s):, redis(s):, feed(s):, tcp: and zmq: (SparkleShare), fanout:',
  )
  .option('--since <cursor>', 'start with an id, a unix time, or all that is kept')
  .option('--last <n>', 'start with the newest n messages')
  .option('--json', 'each message as a line of JSON')
  .option('-n, --count <n>', 'stop after n messages')
  .addOption(accessKeyOption())
  .addOption(caOption())
  .option('-s, --server <url>', 'the server', process.env['FANFARE_URL'] ?? DEFAULT_SERVER)
  .action(async (target: string, options: WatchFlags) => {
    const { watch } = await import('./watch.ts')
    process.exitCode = await watch(target, options)
  })

program
  .command('top')
  .description('show in the terminal how a server is: doors, rates, slow subscribers, nodes')
  .argument('[url]', 'its management port; by default http://127.0.0.1:8181')
  .addOption(accessKeyOption(': one that may manage'))
  .option('--key <key>', 'management.key; else FANFARE_MANAGEMENT__KEY, or http://:KEY@HOST')
  .addOption(caOption())
  .option('-i, --interval <seconds>', 'between two looks', '1')
  .option('--once', 'print it once')
  .option('--json', 'each look as a line of JSON')
  .action(async (url: string | undefined, options: TopFlags) => {
    const { top } = await import('./top.ts')
    process.exitCode = await top(url, options)
  })

program
  .command('listen')
  .description('show notifications on the desktop; asks what it needs to know on its first run')
  .addArgument(
    new Argument('[action]', 'without one: listen here, until Ctrl-C').choices([
      'start',
      'stop',
      'status',
      'reconfigure',
      'log',
    ]),
  )
  .option('-c, --config <file>', 'by default ~/.config/fanfare/listen.json')
  .option('--print', 'lines on the terminal, and no notifications')
  .addOption(accessKeyOption())
  .addOption(caOption())
  .addOption(new Option('--child').hideHelp())
  .action(async (action: ListenAction | undefined, options: ListenFlags) => {
    const { listen } = await import('./listen.ts')
    process.exitCode = await listen(action, options)
  })

program
  .command('notify')
  .description('tell a SparkleShare notification server of a new revision; for git hooks')
  .argument('<repository>')
  .argument('<revision>')
  .option('-s, --server <url>', 'a tcp:, zmq: or fanout: URL', 'tcp://localhost:9999')
  .option('--timeout <time>', 'for all of it, in ms or such as 2s', '2s')
  .option('-q, --quiet', 'say nothing; the exit code tells')
  .action(async (repository: string, revision: string, options: NotifyFlags) => {
    const { notify } = await import('./notify.ts')
    process.exitCode = await notify(repository, revision, options)
  })

const hook = program
  .command('hook')
  .description('tell a feed what is pushed to a git repository; docs/git.md says more')
hook
  .command('post-receive')
  .description('announce a push: runs as a post-receive hook, and never fails it')
  .argument('[change...]', 'old, new and ref; without them, lines of those on standard input')
  .option('--url <url>', 'the feed; by default git config fanfare.url, or $FANFARE_FEED_URL')
  .option('--project <name>', 'by default git config fanfare.project, or the name of the folder')
  .addOption(accessKeyOption())
  .addOption(caOption())
  .option('--timeout <time>', 'for all of it, in ms or such as 2s (the default)')
  .option('--spool <file>', 'keeps what cannot be sent; by default in the git folder')
  .option('--max-commits <n>', 'for each ref; the newest of more than these (100)')
  // A push must not fail, not even for a mistake in its hook.
  .exitOverride((error) => {
    throw new CommanderError(0, error.code, error.message)
  })
  .action(async (change: string[], options: HookFlags) => {
    const { postReceive } = await import('./hook.ts')
    process.exitCode = await postReceive(change, options)
  })
hook
  .command('flush')
  .description('send what earlier pushes to the repository here could not')
  .option('--url <url>', 'the feed; by default git config fanfare.url, or $FANFARE_FEED_URL')
  .addOption(accessKeyOption())
  .addOption(caOption())
  .option('--timeout <time>', 'for all of it, in ms or such as 60s (the default)')
  .option('--spool <file>', 'where it is; by default in the git folder')
  .action(async (options: HookFlags) => {
    const { flush } = await import('./hook.ts')
    process.exitCode = await flush(options)
  })
hook
  .command('install')
  .description('add the hook to a repository, beside one that is there')
  .argument('<repository>')
  .option('--url <url>', 'the feed: sets git config fanfare.url')
  .option('--project <name>', 'what the repository is called: sets git config fanfare.project')
  .action(async (repository: string, options: InstallFlags) => {
    const { install } = await import('./hook-install.ts')
    process.exitCode = await install(repository, options)
  })
hook
  .command('uninstall')
  .description('take the hook out again, and put back the one that was there')
  .argument('<repository>')
  .action(async (repository: string) => {
    const { uninstall } = await import('./hook-install.ts')
    process.exitCode = await uninstall(repository)
  })

const generate = program.command('generate').description('write clients of the services')
generate
  .command('php')
  .description('classes for PHP 8, of this version or of a running server')
  .option('-o, --out <folder>', 'where to', 'fanfare-php')
  .option('--host <host>', 'of a running server; https://HOST where its management port has TLS')
  .option('--port <port>', 'its management port (8181)')
  .addOption(accessKeyOption(': one that may manage'))
  .option('--key <key>', 'management.key; else FANFARE_MANAGEMENT__KEY')
  .addOption(caOption())
  .action(async (options: GenerateFlags) => {
    const { generatePhp } = await import('./generate.ts')
    process.exitCode = await generatePhp(options)
  })

program
  .command('doctor')
  .description('say whether the configuration, the machine and what is around it fit')
  .option('-c, --config <file>', 'as for serve; without it, the defaults')
  .addOption(formatOption())
  .option('-p, --port <port>', 'as for serve')
  .option('-a, --address <address>', 'as for serve')
  .option('--json', 'what was found as JSON')
  .action(async (options: DoctorFlags) => {
    const { doctor } = await import('./doctor/index.ts')
    process.exitCode = await doctor(options)
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

const key = program
  .command('key')
  .description('make and revoke keys; docs/security.md says what they are')
function keyCommand(name: string, description: string): Command {
  return key
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'the configuration, which says where keys are kept')
    .addOption(formatOption())
    .option('--file <file>', 'the file of keys, in place of what the configuration says')
    .option('--json', 'one line of JSON')
}
const several = (value: string, former: string[] = []): string[] => [...former, value]
keyCommand('create', 'make a key, and show it: this once, as only its digest is kept')
  .argument('<name>', 'for people: who has it')
  .option('--publish <rule>', 'a channel, subtree (news/) or glob; may be given again', several, [])
  .option('--subscribe <rule>', 'likewise', several, [])
  .option('--history <rule>', 'of that, where history may be read; all of it unless given', several)
  .option('--presence <rule>', 'where it may be asked who is there', several, [])
  .option('--manage', 'may use the management port')
  .option('--user <id>', 'what {user} stands for in its rules')
  .option('--curve <public key>', 'who has its secret half may do the same over ZeroMQ with CURVE')
  .option('--expires <when>', 'such as 12h or 90d, or a date; never unless given')
  .addHelpText(
    'after',
    `
Examples:
  fanfare key create ci --publish builds/ --expires 90d
  fanfare key create board --subscribe / --json
A running server takes it within a second or so, and lets go of revoked ones as fast.`,
  )
  .action(async (name: string, options: KeyCreateFlags) => {
    const { createKey } = await import('./key.ts')
    process.exitCode = createKey(name, options)
  })
key
  .command('curve')
  .description("show the public key that ZeroMQ's clients need of this server with CURVE")
  .option('-c, --config <file>', 'the configuration, which says where the secret key is kept')
  .addOption(formatOption())
  .option('--file <file>', 'the file of the secret key, in place of what the configuration says')
  .option('--json', 'one line of JSON')
  .addHelpText('after', '\nA secret key that is not there yet is made.')
  .action(async (options: KeyFlags) => {
    const { showCurveKey } = await import('./curve-key.ts')
    process.exitCode = showCurveKey(options)
  })
keyCommand('list', 'all keys: names, ids, what they may do, until when').action(
  async (options: KeyFlags) => {
    const { listKeys } = await import('./key.ts')
    process.exitCode = listKeys(options)
  },
)
keyCommand('show', 'one key, and what it may do; not the key itself')
  .argument('<name|id>')
  .action(async (which: string, options: KeyFlags) => {
    const { showKey } = await import('./key.ts')
    process.exitCode = showKey(which, options)
  })
keyCommand('revoke', 'make a key worthless, also on connections that are open')
  .argument('<name|id>')
  .action(async (which: string, options: KeyFlags) => {
    const { revokeKey } = await import('./key.ts')
    process.exitCode = revokeKey(which, options)
  })

const access = program.command('access').description('who may do what')
access
  .command('explain')
  .description('say whether somebody may do something, and by which rule')
  .addArgument(
    new Argument('<action>').choices(['publish', 'subscribe', 'history', 'presence', 'manage']),
  )
  .argument('[channel]', 'a channel, or a subtree such as news/', '/')
  .option('-c, --config <file>', 'the configuration; without it, the defaults')
  .addOption(formatOption())
  .option('--as <who>', 'a key or a token, key:NAME, user:ID, anonymous; else whoever asks --from')
  .option('--from <address>', 'whence somebody asks who shows nothing', '127.0.0.1')
  .option('--json', 'one line of JSON')
  .action(async (action: Action, channel: string, options: ExplainFlags) => {
    const { explainAccess } = await import('./access.ts')
    process.exitCode = await explainAccess(action, channel, options)
  })

const log = program.command('log').description('look into the log of a file store; docs/stores.md')
log
  .command('inspect')
  .description('say what is in it: files, ids, channels')
  .argument('<folder>')
  .action(async (folder: string) => {
    const { inspect } = await import('./log.ts')
    process.exitCode = await inspect(folder)
  })
log
  .command('verify')
  .description('read every record; ends with 1 when something is damaged, and says where')
  .argument('<folder>')
  .action(async (folder: string) => {
    const { verify } = await import('./log.ts')
    process.exitCode = await verify(folder)
  })
log
  .command('export')
  .description('write messages as lines of JSON to standard output')
  .argument('<folder>')
  .option('--channel <name>', 'of one channel, or of a subtree: x/')
  .option('--since <cursor>', 'after an id, or from a unix time on')
  .action(async (folder: string, options: ExportFlags) => {
    const { exportLog } = await import('./log.ts')
    process.exitCode = await exportLog(folder, options)
  })
log
  .command('import')
  .description('append lines of JSON as export writes them, to a new or an existing log')
  .argument('<folder>')
  .argument('[file]', 'without it, standard input')
  .action(async (folder: string, file: string | undefined) => {
    const { importLog } = await import('./log.ts')
    process.exitCode = await importLog(folder, file)
  })

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else throw error
}
