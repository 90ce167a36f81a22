import type { Exchange } from '../../http/exchange.ts'
import { channelFromBytes, channelFromText } from '../../model/channel.ts'
import { checkKey } from '../../model/envelope.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'
import type { HookOptions } from './hook.ts'
import { memberAt } from './members.ts'
import { onlyField, parsePayload, readFields } from './payload.ts'

export const TEXT = 'text/plain; charset=utf-8'

/**
 * Notistream's `POST /`: the fields `channel` and `message`, published as they come. GET stays the
 * main port's index page.
 */
export const post: HookOptions = {
  name: 'post',
  path: '/',
  leavesGet: true,
  read: (exchange) => [readPost(exchange)],
  example: (base) => `curl -d channel=test -d message='Hello world!' ${base}/`,
}

function readPost(exchange: Exchange): Draft {
  const key = checkKey(exchange.header('idempotency-key'))
  const fields = readFields(exchange)
  if (fields) {
    const channel = channelFromBytes(filled(onlyField(fields, 'channel'), 'channel'))
    if (channel === undefined) throw new FanfareError('bad_channel')
    const body = Buffer.from(filled(onlyField(fields, 'message'), 'message'), 'latin1')
    return { channel, body, contentType: TEXT, key }
  }
  if (exchange.body.length === 0) {
    throw new FanfareError(
      'bad_message',
      'The body is empty; it is to be a form with the fields `channel` and `message`, or JSON with both.',
    )
  }
  const { value } = parsePayload(exchange.body, 'The body')
  const channel = channelFromText(textIn(value, 'channel'))
  if (channel === undefined) throw new FanfareError('bad_channel')
  return { channel, body: Buffer.from(textIn(value, 'message')), contentType: TEXT, key }
}

function textIn(value: object, name: string): string {
  const text = memberAt(value, [name])
  if (text === undefined) {
    throw new FanfareError('bad_message', `The JSON has no member \`${name}\`.`)
  }
  if (typeof text !== 'string') {
    throw new FanfareError('bad_message', `\`${name}\` is not a text.`)
  }
  return filled(text, name)
}

function filled(text: string, name: string): string {
  if (text !== '') return text
  throw new FanfareError('bad_message', `\`${name}\` is empty.`)
}
