import { isUtf8 } from 'node:buffer'
import type { ChannelName } from '../../model/channel.ts'
import { draftOf } from '../../model/envelope.ts'
import { formatId } from '../../model/id.ts'
import type { Draft, Message } from '../../model/message.ts'
import { RedisError } from './errors.ts'
import type { Args } from './parser.ts'
import type { ReplyWriter } from './writer.ts'

/**
 * A message as a stream's entry: its id, and its fields: `body`, `type` and `data` where there are any,
 * then the attributes in their order.
 */
export function writeEntry(out: ReplyWriter, message: Message): void {
  const { id, body, contentType, ownData, attributes } = message
  const more = Object.entries(attributes ?? {})
  const fields = 1 + (contentType === undefined ? 0 : 1) + (ownData === undefined ? 0 : 1)
  out.array(2)
  out.bulk(formatId(id))
  out.array(2 * (fields + more.length))
  out.bulk('body')
  out.bulk(body)
  if (contentType !== undefined) {
    out.bulk('type')
    out.text(contentType)
  }
  if (ownData !== undefined) {
    out.bulk('data')
    out.text(ownData)
  }
  for (const [name, value] of more) {
    out.text(name)
    out.text(value)
  }
}

export function writeEntries(out: ReplyWriter, messages: readonly Message[]): void {
  out.array(messages.length)
  for (const message of messages) writeEntry(out, message)
}

/**
 * What XADD's fields make. With a `body` or `data` they are an entry's own, and the others are
 * attributes: an entry that is added again is the same message. Without either, all fields together
 * are a JSON object, which is the message.
 * @param from the first field's argument
 * @throws RedisError, FanfareError `bad_message`
 */
export function readEntry(args: Args, from: number, channel: ChannelName): Draft {
  const fields = new Map<string, number>()
  for (let index = from; index < args.count; index += 2) fields.set(args.text(index), index + 1)
  const body = fields.get('body')
  const data = fields.get('data')
  if (body === undefined && data === undefined) return jsonOf(args, fields, channel)
  const type = fields.get('type')
  for (const known of ['body', 'data', 'type']) fields.delete(known)
  const json = data === undefined ? undefined : jsonAt(args, data)
  const contentType = type === undefined ? undefined : textAt(args, type)
  const named = [...fields].map(([name, index]) => [textOf(name), textAt(args, index)] as const)
  const attributes = named.length > 0 ? Object.fromEntries(named) : undefined
  const checked = attributes && draftOf({ body: '', attributes }, '{}', channel).attributes
  if (body !== undefined) {
    return { channel, body: args.own(body), contentType, data: json, attributes: checked }
  }
  // Data alone is the body, too; and a JSON body is its own data.
  const alone = { channel, body: Buffer.from(json ?? ''), attributes: checked }
  return contentType === undefined
    ? { ...alone, contentType: 'application/json' }
    : { ...alone, contentType, data: json }
}

function jsonOf(args: Args, fields: ReadonlyMap<string, number>, channel: ChannelName): Draft {
  const members = [...fields].map(
    ([name, index]) => `${JSON.stringify(textOf(name))}:${JSON.stringify(textAt(args, index))}`,
  )
  const body = Buffer.from(`{${members.join(',')}}`)
  return { channel, body, contentType: 'application/json' }
}

function jsonAt(args: Args, index: number): string {
  const text = textAt(args, index)
  try {
    JSON.parse(text)
  } catch {
    throw new RedisError('ERR The field data is not JSON.')
  }
  return text
}

function textAt(args: Args, index: number): string {
  return decoded(args.view(index))
}

/** @param bytes one character a byte */
function textOf(bytes: string): string {
  return decoded(Buffer.from(bytes, 'latin1'))
}

function decoded(bytes: Buffer): string {
  if (!isUtf8(bytes)) {
    throw new RedisError('ERR Fields are UTF-8 text; the field body may be any bytes.')
  }
  return bytes.toString('utf8')
}
