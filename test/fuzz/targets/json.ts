import { draftOf, envelopeOf } from '../../../src/model/envelope.ts'
import type { ChannelName } from '../../../src/model/channel.ts'
import { FanfareError } from '../../../src/model/errors.ts'
import { makeId } from '../../../src/model/id.ts'
import { bytesOf as bytesOfSlice, Message } from '../../../src/model/message.ts'
import { rawMember } from '../../../src/model/raw-json.ts'
import { textFrame, textFrames, textsOf } from '../../../src/net/text-frame.ts'
import { readCommand as readIoCommand } from '../../../src/protocols/socketio/command.ts'
import { readHandshake } from '../../../src/protocols/socketio/handshake.ts'
import type { IoSocket } from '../../../src/protocols/socketio/engine.ts'
import { CommandError, readCommand } from '../../../src/protocols/websocket/command.ts'
import { valuesOfBody } from '../../../src/protocols/management/body.ts'
import { SERVICES } from '../../../src/services/definitions/index.ts'
import type { MethodDefinition } from '../../../src/services/definition.ts'
import { valuesOfPath, arity } from '../../../src/services/run/args.ts'
import { gapOf, messageOf } from '../../../src/sdk/messages.ts'
import { Calls } from '../../../src/cluster/calls.ts'
import { loadNode, overlaysOf, type WrittenConfig } from '../../../src/cluster/configuration.ts'
import { ConfigError } from '../../../src/config/index.ts'
import { bytesOf, must, orError, same, textOf, type Target } from '../engine.ts'

const JSON_TOKENS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  '\\',
  '\\u0000',
  '\\ud800',
  '\\uZ',
  'null',
  'true',
  'false',
  '{"a":',
  '[[[[',
  '""',
  '"__proto__":',
  '"constructor":',
  '1e400',
  '-0',
  ' ',
  '\n',
  '\t',
  '{}',
  '[]',
]
const CHANNEL = 'a' as ChannelName

function isOurs(error: unknown): boolean {
  return error instanceof FanfareError && error.code !== 'internal'
}

/** JSON as a value; undefined when it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const member: Target = {
  name: 'json-member',
  reads: 'one member of a JSON object, as it was written; depth',
  holds: 'the member that JSON.parse finds',
  seeds: [
    '{"data":{"a":[1,2,{"b":"}"}]},"body":"x"}',
    '{ "data" : "a\\"b" , "data":1.50 }',
    '{"a":{"data":1},"data":null}',
    `{"data":${'['.repeat(200)}${']'.repeat(200)}}`,
  ],
  tokens: [...JSON_TOKENS, '"data":'],
  check(input) {
    const text = textOf(input)
    const value = parsed(text)
    if (!isObject(value)) return
    for (const name of ['data', '__proto__', 'a']) {
      const raw = rawMember(text, name)
      const has = Object.hasOwn(value, name)
      must((raw !== undefined) === has, `whether there is ${name}`)
      if (raw !== undefined) same(JSON.parse(raw), value[name], name)
    }
  },
}

const FRAMES = [
  '{"subscribe":["a","b/"],"since":"1700000000-0","ref":1}',
  '{"publish":"a","body":"hello","attributes":{"x":"y"},"ttl":5,"key":"k","ref":"r"}',
  '{"publish":"a","data":{"n":1e2},"type":"text/plain"}',
  '{"publish":"a","body":"aGVsbG8=","encoding":"base64"}',
  '{"unsubscribe":"a"}',
  '{"ping":1}',
]
const FRAME_TOKENS = [
  ...JSON_TOKENS,
  '"subscribe":',
  '"publish":',
  '"since":',
  '"all"',
  '"ref":',
  '"body":',
  '"data":',
  '"ttl":',
  '"attributes":',
  '"encoding":"base64",',
  '"key":',
]

const websocket: Target = {
  name: 'websocket-command',
  reads: 'what WebSocket clients ask for, and messages they publish',
  holds: 'a command or an error with its ref; what is published is read back from its envelope',
  seeds: FRAMES,
  tokens: FRAME_TOKENS,
  check(input) {
    const text = textOf(input)
    const result = orError(
      () => readCommand(text, 8, 3),
      (error) => error instanceof CommandError,
    )
    if (result.error instanceof CommandError) {
      must(
        isOurs(result.error.error),
        `an error that is none of ours: ${String(result.error.error)}`,
      )
      return
    }
    if (result.error) return
    const command = result.value
    if (command.kind === 'subscribe') must(command.names.length <= 8, 'more names than the bound')
    if (command.kind !== 'publish') return
    const { draft } = command
    const message = new Message(makeId(1_700_000_000, 1), 1_700_000_000_001, draft)
    const envelope = envelopeOf(message)
    must(!/[\r\n]/.test(envelope), 'an envelope of several lines')
    const read = messageOf(JSON.parse(envelope))
    if (!read) throw new Error(`an envelope that is none: ${envelope}`)
    const body = typeof read.body === 'string' ? Buffer.from(read.body) : Buffer.from(read.body)
    same(body.toString('latin1'), bytesOfSlice(draft.body).toString('latin1'), 'the body')
    same(read.attributes, draft.attributes ?? {}, 'the attributes')
    same(textsOf(textFrames([envelope, text])), [envelope, textOf(bytesAgain(text))], 'the frames')
    must(textFrame(text).length >= Buffer.byteLength(text) + 2, 'a frame without a head')
  },
}

/** Lone surrogates are no text on a wire. */
function bytesAgain(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

const socketio: Target = {
  name: 'socketio-command',
  reads: 'events of Socket.IO clients, and what they connect with',
  holds: 'a command, a handshake, or one of our errors',
  seeds: [
    '["subscribe",["a","b/"],{"as":"session","since":"1700000000-0"}]',
    '["publish","a",{"n":1},{"ttl":5,"attributes":{"x":"y"}}]',
    '["publish","a","text",{"data":{"a":1}}]',
    '["presence","a"]',
    '["unsubscribe","a"]',
    '[{"session":"s","userId":5,"since":1700000000,"envelope":"true"},{"pid":"x","offset":"1700000000-5"}]',
    '[{"token":"a.b.c","recover":true,"offset":"h1700000000-1_1-2"},{}]',
  ],
  tokens: [
    ...JSON_TOKENS,
    '"subscribe"',
    '"publish"',
    '"as":',
    '"since":',
    '"session":',
    '"token":',
    '"offset":',
    '"pid":',
    '"userId":',
    '"recover":',
  ],
  check(input) {
    const list = parsed(textOf(input))
    if (!Array.isArray(list)) return
    const [event, ...args] = list as unknown[]
    const command = orError(
      () => readIoCommand(String(event), args, { maxNames: 8, partitions: 3 }),
      isOurs,
    )
    if (!command.error && 'names' in command.value) {
      must(command.value.names.length <= 8, 'more names than the bound')
    }
    const query = isObject(args[0]) ? args[0] : {}
    const socket = { handshake: { auth: event, query, headers: {} }, conn: { protocol: 4 } }
    orError(() => readHandshake(socket as unknown as IoSocket, 3), isOurs)
  },
}

const message: Target = {
  name: 'message',
  reads: 'messages that publishers write as JSON',
  holds: 'a draft within the bounds, or an error that names the field',
  seeds: FRAMES.slice(1, 4).map((text) => text.replace('"publish":"a",', '')),
  tokens: FRAME_TOKENS,
  check(input) {
    const text = textOf(input)
    const value = parsed(text)
    const draft = orError(() => draftOf(value, text, CHANNEL), isOurs)
    if (draft.error) return
    must(Object.keys(draft.value.attributes ?? {}).length <= 32, 'more attributes than the bound')
    must((draft.value.ttl ?? 0) >= 0, 'a time to live below zero')
  },
}

const METHODS: readonly MethodDefinition[] = Object.values(SERVICES).flatMap((service) =>
  Object.values((service as { methods: Record<string, MethodDefinition> }).methods),
)

const management: Target = {
  name: 'management-call',
  reads: 'arguments of the management services: JSON, forms, paths',
  holds: 'as many values as the method has parameters, or one of our errors',
  seeds: [
    '{"user":"5","session":"s"}',
    '{"config":{"port":1},"version":3}',
    'user=5&session=s',
    '5/s/a%2Fb',
    '{"channel":"a","message":{"x":[1,2]}}',
  ],
  tokens: [
    ...JSON_TOKENS,
    '&',
    '=',
    '%',
    '%22',
    '/',
    'user',
    'session',
    'channel',
    'message',
    '"user":',
  ],
  check(input, random) {
    const method = random.pick(METHODS)
    const type = random.pick(['application/json', 'application/x-www-form-urlencoded', undefined])
    const request = {
      method: 'POST',
      path: '/',
      query: '',
      peer: '127.0.0.1',
      body: bytesOf(input),
      header: (name: string) => (name === 'content-type' ? type : undefined),
    }
    const values = orError(() => valuesOfBody(method, request), isOurs)
    if (!values.error) same(values.value.length, method.params.length, 'how many values')
    const segments = input.split('/').slice(0, arity(method).most)
    orError(() => valuesOfPath(method, segments), isOurs)
  },
}

const answers: Target = {
  name: 'client-message',
  reads: "messages and gaps in a server's JSON",
  holds: 'a message or nothing',
  seeds: [
    '{"id":"1700000000-0","channel":"a","time":1,"type":"application/json","body":"{}"}',
    '{"id":"1700000000-0","channel":"a","time":1,"body":"AP8=","encoding":"base64","attributes":{"a":"b"}}',
    '{"from":"1-0","to":"2-0"}',
  ],
  tokens: [...JSON_TOKENS, '"id":', '"body":', '"encoding":"base64"', '"from":', '"to":'],
  check(input) {
    const value = parsed(textOf(input))
    const gap = gapOf(value)
    if (gap) must(typeof gap.from === 'string', 'a gap without a place')
    const read = orError(
      () => messageOf(value),
      (error) => error instanceof DOMException,
    )
    if (!read.error && read.value)
      must(typeof read.value.id === 'string', 'a message without an id')
  },
}

const reports: unknown[] = []
const calls = new Calls(
  'me',
  () => Promise.resolve(),
  { store: () => Promise.resolve(1) },
  (error) => reports.push(error),
)

const cluster: Target = {
  name: 'cluster-calls',
  reads: 'what nodes say to each other by way of Redis',
  holds: 'nothing but calls that are known is done; nothing throws',
  seeds: [
    '{"id":"x","from":"you","to":"me","call":"store","argument":{}}',
    '{"re":"x","to":"me","result":1}',
    '{"re":"x","to":"me","error":{"code":"internal","message":"m"}}',
  ],
  tokens: [
    ...JSON_TOKENS,
    '"to":"me",',
    '"re":',
    '"error":',
    '"call":',
    '"constructor"',
    '"__proto__"',
  ],
  check(input) {
    calls.heard(textOf(input))
    must(reports.length === 0, `it reported ${String(reports[0])}`)
  },
}

const documents: Target = {
  name: 'cluster-document',
  reads: 'the configuration that all nodes share',
  holds: 'a configuration, or problems with words; nothing of the prototype is changed',
  seeds: [
    '{"port":8080,"nodes":{"a":{"port":8081}}}',
    '{"limits":{"heartbeat":"30s"},"locations":[{"type":"publisher","prefix":"/p/"}]}',
    '{"trustedPeers":["10.0.0.0/8"],"feed":false}',
  ],
  tokens: [
    ...JSON_TOKENS,
    '"nodes":',
    '"port":',
    '"limits":',
    '"locations":',
    '"store":',
    '"feed":',
    '"/a/(.+)"',
    '"memory"',
  ],
  check(input, random) {
    const value = parsed(textOf(input))
    if (!isObject(value)) return
    const document: WrittenConfig = value
    orError(() => overlaysOf(document['nodes']), isOurs)
    // It takes some ms, much longer than all else.
    if (!random.once(25)) return
    const source = { env: {}, flags: {}, text: '' }
    const loaded = orError(
      () => loadNode(source, 'a', { version: 1, document }),
      (error) => isOurs(error) || error instanceof ConfigError,
    )
    if (!loaded.error) must(Number.isInteger(loaded.value.config.port), 'no port')
    must(Object.keys(Object.prototype).length === 0, 'the prototype was changed')
  },
}

export const JSONS: readonly Target[] = [
  member,
  websocket,
  socketio,
  message,
  management,
  answers,
  cluster,
  documents,
]
