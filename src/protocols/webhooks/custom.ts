import type { Exchange } from '../../http/exchange.ts'
import { channelFromText, type ChannelName, MAX_CHANNEL_BYTES } from '../../model/channel.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'
import type { HookOptions as Configured } from './config.ts'
import { type Payload, readAnyPayload } from './payload.ts'
import { TEXT } from './post.ts'
import { JsonTemplate, Template } from './template.ts'

/** An attribute is a small fact: a hash, a name, an address. */
const MAX_ATTRIBUTE = 1024

/** What a hook of `webhooks.hooks` makes of a request. */
export class CustomHook {
  readonly #channel: Template
  readonly #message: Template
  readonly #data: JsonTemplate | undefined
  readonly #attributes: readonly (readonly [string, Template])[]
  readonly #most: number

  /**
   * @param most the largest message, in bytes
   * @throws TypeError for what is no template; the configuration's schema lets none through
   */
  constructor(options: Configured, most: number) {
    const { channel, message, data, attributes } = options
    this.#channel = new Template(channel)
    this.#message = new Template(message)
    this.#data = data === 'none' ? undefined : new JsonTemplate(data.replace(/^\{|\}$/g, ''))
    this.#attributes = Object.entries(attributes).map(([name, text]) => [name, new Template(text)])
    this.#most = most
  }

  read(exchange: Exchange): Draft {
    const payload = readAnyPayload(exchange)
    const body = Buffer.from(this.#message.render(payload, this.#most))
    if (body.length > this.#most) throw new FanfareError('too_large')
    return {
      channel: channelOf(this.#channel, payload),
      body,
      contentType: TEXT,
      data: this.#data?.render(payload),
      attributes: this.#attributesOf(payload),
    }
  }

  #attributesOf(payload: Payload): Record<string, string> | undefined {
    const found: [string, string][] = []
    for (const [name, template] of this.#attributes) {
      const text = bounded(
        () => template.render(payload, MAX_ATTRIBUTE),
        () => {
          const words = `The attribute \`${name}\` is longer than ${MAX_ATTRIBUTE} characters.`
          return new FanfareError('bad_message', words)
        },
      )
      // They go into protocols of lines.
      if (text !== '') found.push([name, text.replace(/\p{Cc}+/gu, ' ')])
    }
    // Not by assignment: `__proto__` is a name like any other.
    return found.length > 0 ? Object.fromEntries(found) : undefined
  }
}

/**
 * The name that a channel's template gives. Where a member is missing there is no such channel: a
 * message that only looks as if it had gone somewhere is worse than an error.
 * @throws FanfareError `bad_channel`, naming the member
 */
export function channelOf(template: Template, payload: Payload): ChannelName {
  const missing: string[] = []
  const text = bounded(
    () => template.render(payload, MAX_CHANNEL_BYTES + 1, (name) => missing.push(name)),
    () => new FanfareError('bad_channel'),
  )
  if (missing.length > 0) {
    const names = missing.map((name) => `\`${name}\``).join(' and ')
    throw new FanfareError('bad_channel', `The payload has no ${names} to make the channel of.`)
  }
  const channel = channelFromText(text)
  if (channel === undefined) throw new FanfareError('bad_channel')
  return channel
}

/** What is too large for its own place is not too large for the server. */
function bounded(work: () => string, otherwise: () => FanfareError): string {
  try {
    return work()
  } catch (error) {
    throw error instanceof FanfareError && error.code === 'too_large' ? otherwise() : error
  }
}
