/**
 * The same bytes to a real redis-server and to the redis door: the answers are the same. What is meant
 * to differ is not in these scripts but in test/protocols/redis, and is listed in docs/protocols/redis.md.
 */
import { describe, expect, it } from 'vitest'
import { RawClient } from '../support/raw.ts'
import { command, startRedis } from '../protocols/redis/resp-client.ts'
import { startRealRedis } from './redis-server.ts'

const missing = (process.env['FANFARE_TEST_MISSING'] ?? '').split(',')

/** The last command of every script: its answer shows that all before were answered. */
const END = 'the end of the script'

/** What scripts are called after which the server closes the connection. */
const ENDS = 'ends: '

type Line = string | readonly (string | number)[]

/** Ids, times, ports and addresses differ; so does a client's number. */
function normalised(text: string): string {
  return text
    .replaceAll(/\$\d+\r\n\d{10,13}-\d+\r\n/g, '<id>')
    .replaceAll(/(\$2\r\nid\r\n):\d+/g, '$1:<client>')
}

/** A line as bytes: a text is an inline command or bytes as they are, an array a command. */
function bytesOf(line: Line): Buffer {
  return typeof line === 'string' ? Buffer.from(line, 'latin1') : command(...line)
}

/** @param ends whether the server closes the connection by itself */
async function answer(
  port: number,
  resp: 2 | 3,
  script: readonly Line[],
  ends: boolean,
): Promise<string> {
  const client = await RawClient.connect(port)
  if (resp === 3) {
    client.send(command('HELLO', '3'))
    client.send(command('PING', 'hello is over'))
    await client.takeUntil('hello is over\r\n')
  }
  for (const line of script) client.send(bytesOf(line))
  if (!ends) {
    client.send(command('PING', END))
    await client.until(() => client.received.includes(END))
  }
  const text = ends ? await client.rest() : client.received.toString('latin1')
  client.close()
  return normalised(text)
}

/** Each is one connection's commands; within one script, the one sees what the other left. */
const SCRIPTS: Readonly<Record<string, readonly Line[]>> = {
  'ping and echo': [
    ['PING'],
    ['PING', 'x'],
    ['ping', 'a\r\nb'],
    ['PING', 'a', 'b'],
    ['ECHO', ''],
    ['ECHO', 'x'],
    ['ECHO'],
    ['ECHO', 'a', 'b'],
  ],
  inline: [
    'PING\r\n',
    'ping "a b"\r\n',
    "echo 'a b'\n",
    '\r\n',
    '   \r\n',
    'echo "a\\x41\\n\\t\\\\"\r\n',
    "echo 'a\\'b'\r\n",
    'echo a"b c"\r\n',
  ],
  'ends: inline with unbalanced quotes': ['PING\r\n', 'echo "a\r\n'],
  'ends: inline with something behind a quote': ['echo "a"b\r\n'],
  'empty arrays': ['*0\r\n', '*-1\r\n', ['PING']],
  'ends: an invalid multibulk length': ['*x\r\n'],
  'ends: a multibulk length with a leading zero': ['*01\r\n$4\r\nPING\r\n'],
  'ends: a multibulk length beyond all bounds': ['*2147483648\r\n'],
  'ends: a missing $': ['*1\r\nPING\r\n'],
  'ends: a missing $ that is a colon': ['*2\r\n$4\r\nPING\r\n:1\r\n'],
  'ends: an invalid bulk length': ['*1\r\n$x\r\n'],
  'ends: a negative bulk length': ['*1\r\n$-1\r\n'],
  'ends: a bulk length beyond all bounds': ['*1\r\n$999999999999\r\n'],
  'a bulk string that ends otherwise': ['*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n'],
  'ends: an inline request that is too big': ['x'.repeat(70_000)],
  'ends: a mbulk count that is too big': [`*${'1'.repeat(70_000)}`],
  'ends: a bulk count that is too big': [`*1\r\n$${'1'.repeat(70_000)}`],
  'unknown commands': [
    ['foo'],
    ['foo', 'a', 'b c'],
    ['FOO', 'x'.repeat(200), 'y'],
    ['f\r\noo', 'a\r\nb'],
    ['x'.repeat(300)],
    [''],
  ],
  'wrong numbers of arguments': [
    ['SUBSCRIBE'],
    ['PSUBSCRIBE'],
    ['SSUBSCRIBE'],
    ['PUBLISH'],
    ['PUBLISH', 'a'],
    ['PUBLISH', 'a', 'b', 'c'],
    ['SPUBLISH', 'a'],
    ['PUBSUB'],
    ['PUBSUB', 'NUMPAT', 'x'],
    ['XADD', 'a'],
    ['XADD', 'a', '*', 'x'],
    ['XRANGE', 'a'],
    ['XREVRANGE', 'a', '+'],
    ['XREAD'],
    ['XREAD', 'COUNT', '1'],
    ['XLEN'],
    ['XINFO'],
    ['XINFO', 'STREAM'],
    ['EXISTS'],
    ['TYPE'],
    ['DEL'],
    ['UNLINK'],
    ['SCAN'],
    ['TIME', 'x'],
    ['CLIENT'],
    ['CLIENT', 'ID', 'x'],
    ['CLIENT', 'KILL'],
    ['CLIENT', 'SETNAME'],
    ['CLIENT', 'REPLY'],
    ['CONFIG'],
    ['CONFIG', 'GET'],
    ['COMMAND', 'COUNT', 'x'],
    ['SELECT'],
    ['RESET', 'x'],
    ['AUTH'],
    ['DBSIZE', 'x'],
  ],
  'unknown subcommands': [
    ['PUBSUB', 'foo'],
    ['CLIENT', 'foo'],
    ['XINFO', 'foo', 'a'],
    ['CONFIG', 'foo'],
    ['COMMAND', 'Foo'],
    ['PUBSUB', 'CHANNELS', 'a', 'b'],
  ],
  'publish to nobody': [
    ['PUBLISH', 'p', 'x'],
    ['publish', 'p', ''],
    ['SPUBLISH', 'p', 'x'],
  ],
  'subscribe and unsubscribe': [
    ['SUBSCRIBE', 'a', 'b'],
    ['SUBSCRIBE', 'a'],
    ['PSUBSCRIBE', 'a*', 'b*'],
    ['UNSUBSCRIBE', 'a'],
    ['UNSUBSCRIBE', 'a'],
    ['UNSUBSCRIBE', 'nope'],
    ['PUNSUBSCRIBE'],
    ['UNSUBSCRIBE'],
    ['UNSUBSCRIBE'],
    ['PUNSUBSCRIBE'],
    ['PUNSUBSCRIBE', 'x'],
  ],
  'shard channels': [
    ['SSUBSCRIBE', 'a'],
    ['SSUBSCRIBE', 'a'],
    ['SUBSCRIBE', 'c'],
    ['SUNSUBSCRIBE'],
    ['SUNSUBSCRIBE'],
    ['UNSUBSCRIBE'],
  ],
  'names of any bytes': [
    ['SUBSCRIBE', 'a\r\n\0\xff'],
    ['UNSUBSCRIBE', 'a\r\n\0\xff'],
  ],
  'commands while subscribed': [
    ['SUBSCRIBE', 'a'],
    ['PING'],
    ['PING', 'x'],
    ['TYPE', 'x'],
    ['PUBLISH', 'b', 'x'],
    ['ECHO', 'x'],
    ['UNSUBSCRIBE'],
    ['ECHO', 'x'],
  ],
  'reset while subscribed': [['SUBSCRIBE', 'a'], ['RESET'], ['ECHO', 'x']],
  'ends: quit': [['PING'], ['QUIT']],
  'ends: quit while subscribed': [['SUBSCRIBE', 'a'], ['QUIT']],
  'ends: quit with arguments': [['QUIT', 'x', 'y']],
  select: [
    ['SELECT', '0'],
    ['SELECT', 'x'],
    ['SELECT', '77'],
    ['SELECT', '-1'],
  ],
  hello: [
    ['HELLO', 'x'],
    ['HELLO', '4'],
    ['HELLO', '1'],
    ['HELLO', '2', 'foo'],
    ['HELLO', '2', 'AUTH', 'a'],
    ['HELLO', '2', 'SETNAME'],
    ['HELLO', '2', 'SETNAME', 'a b'],
    ['HELLO', '2', 'AUTH', 'x', 'y'],
  ],
  'hello answers': [
    ['HELLO'],
    ['HELLO', '3', 'SETNAME', 'me'],
    ['CLIENT', 'GETNAME'],
    ['HELLO', '2'],
    ['CLIENT', 'GETNAME'],
  ],
  auth: [
    ['AUTH', 'x'],
    ['AUTH', 'default', 'x'],
    ['AUTH', 'a', 'b'],
    ['AUTH', 'a', 'b', 'c'],
  ],
  'client names': [
    ['CLIENT', 'GETNAME'],
    ['CLIENT', 'SETNAME', 'me'],
    ['CLIENT', 'GETNAME'],
    ['CLIENT', 'SETNAME', 'a b'],
    ['CLIENT', 'SETNAME', 'a\nb'],
    ['CLIENT', 'SETNAME', ''],
    ['CLIENT', 'GETNAME'],
  ],
  'client reply': [
    ['CLIENT', 'REPLY', 'SKIP'],
    ['PING', 'not this'],
    ['PING', 'this'],
    ['CLIENT', 'REPLY', 'OFF'],
    ['PING', 'nor this'],
    ['foo'],
    ['SUBSCRIBE', 'shown'],
    ['UNSUBSCRIBE', 'shown'],
    ['CLIENT', 'REPLY', 'ON'],
    ['CLIENT', 'REPLY', 'foo'],
  ],
  'client options': [
    ['CLIENT', 'NO-EVICT', 'on'],
    ['CLIENT', 'NO-EVICT', 'x'],
    ['CLIENT', 'LIST', 'foo'],
    ['CLIENT', 'LIST', 'TYPE', 'foo'],
    ['CLIENT', 'LIST', 'TYPE', 'master'],
    ['CLIENT', 'LIST', 'ID', 'x'],
    ['CLIENT', 'LIST', 'ID', '99999999'],
  ],
  'client kill': [
    ['CLIENT', 'KILL', '1.2.3.4:5'],
    ['CLIENT', 'KILL', 'ID', 'x'],
    ['CLIENT', 'KILL', 'ID', '0'],
    ['CLIENT', 'KILL', 'ID', '99999999'],
    ['CLIENT', 'KILL', 'foo', 'bar'],
    ['CLIENT', 'KILL', 'TYPE', 'foo'],
    ['CLIENT', 'KILL', 'SKIPME', 'x'],
    ['CLIENT', 'KILL', 'USER', 'x'],
    ['CLIENT', 'KILL', 'a', 'b', 'c'],
  ],
  'client kill of oneself': [
    ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no', 'ID', '99999999'],
    ['PING'],
  ],
  'pubsub of nothing': [
    ['PUBSUB', 'CHANNELS'],
    ['PUBSUB', 'CHANNELS', 'x*'],
    ['PUBSUB', 'NUMSUB'],
    ['PUBSUB', 'NUMSUB', 'x', 'y'],
    ['PUBSUB', 'NUMPAT'],
    ['PUBSUB', 'SHARDCHANNELS'],
    ['PUBSUB', 'SHARDNUMSUB', 'x'],
  ],
  config: [
    ['CONFIG', 'GET', 'save'],
    ['CONFIG', 'GET', 'appendonly'],
    ['CONFIG', 'GET', 'nothing-of-this'],
  ],
  'command docs and info': [
    ['COMMAND', 'DOCS', 'nothing'],
    ['COMMAND', 'INFO', 'nothing', 'nothing'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'publi*'],
    ['COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'x'],
    ['COMMAND', 'LIST', 'x'],
  ],
  'keys that are not there': [
    ['EXISTS', 'nope'],
    ['EXISTS', 'nope', 'nope'],
    ['TYPE', 'nope'],
    ['DEL', 'nope'],
    ['UNLINK', 'nope', 'nada'],
    ['XLEN', 'nope'],
    ['XRANGE', 'nope', '-', '+'],
    ['XRANGE', 'nope', '-', '+', 'COUNT', '0'],
    ['XREVRANGE', 'nope', '+', '-'],
    ['XINFO', 'STREAM', 'nope'],
    ['XREAD', 'STREAMS', 'nope', '0'],
    ['XREAD', 'STREAMS', 'nope', '$'],
    ['XREAD', 'BLOCK', '5', 'STREAMS', 'nope', 'nada', '0', '$'],
  ],
  'a stream': [
    ['DEL', 's'],
    ['XADD', 's', '*', 'body', 'one'],
    ['XADD', 's', '*', 'body', 'two'],
    ['XADD', 's', 'NOMKSTREAM', '*', 'body', 'three'],
    ['XADD', 'unknown', 'NOMKSTREAM', '*', 'body', 'x'],
    ['XADD', 's', 'MAXLEN', '~', '1000', '*', 'body', 'four'],
    ['XLEN', 's'],
    ['TYPE', 's'],
    ['EXISTS', 's', 's', 'nope'],
    ['XRANGE', 's', '-', '+'],
    ['XRANGE', 's', '-', '+', 'COUNT', '2'],
    ['XRANGE', 's', '-', '+', 'COUNT', '0'],
    ['XRANGE', 's', '-', '+', 'COUNT', '-1'],
    ['XREVRANGE', 's', '+', '-'],
    ['XREVRANGE', 's', '+', '-', 'COUNT', '1'],
    ['XRANGE', 's', '+', '-'],
    ['XREAD', 'STREAMS', 's', '0'],
    ['XREAD', 'COUNT', '2', 'STREAMS', 's', 'nope', '0', '0'],
    ['XREAD', 'COUNT', '0', 'STREAMS', 's', '0'],
    ['XREAD', 'STREAMS', 's', '$'],
    ['XREAD', 'BLOCK', '5', 'STREAMS', 's', '$'],
    ['XREAD', 'BLOCK', '0', 'STREAMS', 's', '0-0'],
    ['SCAN', '0', 'MATCH', 's', 'COUNT', '1000', 'TYPE', 'stream'],
    ['SCAN', '0', 'TYPE', 'hash', 'COUNT', '1000'],
    ['DEL', 's'],
    ['XLEN', 's'],
  ],
  'mistakes with streams': [
    ['XADD', 'a', 'x', 'x', 'y'],
    ['XADD', 'a', 'MAXLEN', 'x', '*', 'x', 'y'],
    ['XADD', 'a', 'MAXLEN', '-1', '*', 'x', 'y'],
    ['XADD', 'a', 'MAXLEN', '~', '5', 'LIMIT', 'x', '*', 'a', 'b'],
    ['XADD', 'a', 'MAXLEN', '5', 'LIMIT', '4', '*', 'a', 'b'],
    ['XADD', 'a', 'MAXLEN', '5', 'MINID', '4', '*', 'a', 'b'],
    ['XADD', 'a', 'MAXLEN', '*', 'a', 'b'],
    ['XADD', 'a', '*', 'a', 'b', 'c'],
    ['XRANGE', 'a', 'x', '1'],
    ['XRANGE', 'a', '1', 'x-1'],
    ['XRANGE', 'a', '(-', '1'],
    ['XRANGE', 'a', '1-', '2'],
    ['XRANGE', 'a', '(18446744073709551615-18446744073709551615', '+'],
    ['XRANGE', 'a', '-', '(0-0'],
    ['XRANGE', 'a', '99999999999999999999', '+'],
    ['XRANGE', 'a', '-', '+', 'COUNT', 'x'],
    ['XRANGE', 'a', '-', '+', 'FOO', '1'],
    ['XREVRANGE', 'a', '+', '-', 'COUNT'],
    ['XREAD', 'STREAMS', 'a', 'b', '0'],
    ['XREAD', 'BLOCK', 'x', 'STREAMS', 'a', '0'],
    ['XREAD', 'BLOCK', '-1', 'STREAMS', 'a', '0'],
    ['XREAD', 'STREAMS', 'a', '>'],
    ['XREAD', 'COUNT', 'x', 'STREAMS', 'a', '0'],
    ['XREAD', 'FOO', 'a', 'b'],
    ['XREAD', 'STREAMS', 'a', 'x'],
  ],
  'mistakes with scan': [
    ['SCAN', 'x'],
    ['SCAN', '0', 'COUNT', 'x'],
    ['SCAN', '0', 'COUNT', '0'],
    ['SCAN', '0', 'FOO', 'x'],
    ['SCAN', '0', 'MATCH'],
  ],
  'ends: http post': ['POST / HTTP/1.1\r\nHost: x\r\n\r\n'],
  'ends: an http header': ['Host: x\r\n'],
}

describe.skipIf(missing.includes('Redis')).each([2, 3] as const)('RESP%i', (resp) => {
  it('answers as redis-server does', { timeout: 60_000 }, async () => {
    const real = await startRealRedis()
    const { redisPort } = await startRedis('maxArgumentBytes: 512MiB, maxArguments: 1048576')
    const theirs: Record<string, string> = {}
    const ours: Record<string, string> = {}
    for (const [name, script] of Object.entries(SCRIPTS)) {
      theirs[name] = await answer(real, resp, script, name.startsWith(ENDS))
      ours[name] = await answer(redisPort, resp, script, name.startsWith(ENDS))
    }
    expect(ours).toEqual(theirs)
  })

  it('sends subscribers the same bytes', async () => {
    const real = await startRealRedis()
    const { redisPort } = await startRedis()
    const heard: string[] = []
    for (const port of [real, redisPort]) {
      const subscriber = await RawClient.connect(port)
      if (resp === 3) {
        subscriber.send(command('HELLO', '3'))
        subscriber.send(command('PING', 'ready'))
        await subscriber.takeUntil('ready\r\n')
      }
      subscriber.send(command('SUBSCRIBE', 'news', 'a\xffb'))
      subscriber.send(command('PSUBSCRIBE', 'n[ae]w?', '*'))
      subscriber.send(command('PING', 'subscribed'))
      const confirmed = await subscriber.takeUntil('subscribed\r\n')
      const publisher = await RawClient.connect(port)
      for (const [channel, body] of [
        ['news', 'one'],
        ['nowhere', 'two'],
        ['a\xffb', '\0\r\n\xfe'],
        ['news', ''],
      ] as const) {
        publisher.send(command('PUBLISH', channel, body))
      }
      publisher.send(command('PUBLISH', 'last', END))
      heard.push(confirmed + (await subscriber.takeUntil(`${END}\r\n`)))
    }
    // Redis tells patterns in the order in which they were first subscribed to, which is the same here.
    expect(heard[1]?.split('\r\n').sort()).toEqual(heard[0]?.split('\r\n').sort())
  })
})
