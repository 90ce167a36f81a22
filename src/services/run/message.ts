import type { ResolvedConfig } from '../../config/types.ts'
import { FanfareError } from '../../model/errors.ts'
import type { Draft } from '../../model/message.ts'
import { inTrace } from '../../model/trace.ts'
import type { JsonText } from './values.ts'

/** A caller's message: its JSON, as it was written. @throws FanfareError `too_large` */
export function jsonMessage(
  { text, trace }: JsonText,
  config: ResolvedConfig,
): Omit<Draft, 'channel'> {
  const body = Buffer.from(text)
  const { maxBodyBytes } = config.limits
  if (body.length > maxBodyBytes) {
    throw new FanfareError(
      'too_large',
      `The message has ${body.length} bytes; this server takes ${maxBodyBytes}.`,
    )
  }
  return inTrace({ body, contentType: 'application/json' }, trace)
}
