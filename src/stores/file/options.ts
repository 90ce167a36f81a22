import type { Report } from '../../model/events.ts'
import type { MessageId } from '../../model/id.ts'
import type { Retention } from './catalog.ts'
import type { Durability } from './writer.ts'

/** How a file store keeps what it is given. */
export interface FileOptions extends Retention {
  readonly durability: Durability
  /** ms between syncs with durability `interval`. */
  readonly syncInterval: number
  /** Bytes of a file of the log; then the next one is begun. */
  readonly segmentBytes: number
  /** Bytes of memory for the newest messages. */
  readonly cacheBytes: number
  /** Bytes that may wait for the disk; beyond, publishing fails. */
  readonly maxWaitingBytes: number
  /** Milliseconds an idempotency key is remembered. */
  readonly keyWindow: number
  /** Idempotency keys remembered. */
  readonly maxKeys: number
  /** The floor of a new log, instead of its start: for one that is filled from elsewhere. */
  readonly floor?: MessageId | undefined
  /** Hears of what was found at the start and of what fails and recovers, in words. */
  readonly report: Report
}

export const FILE_DEFAULTS: FileOptions = {
  durability: 'interval',
  syncInterval: 100,
  segmentBytes: 64 * 2 ** 20,
  cacheBytes: 32 * 2 ** 20,
  maxWaitingBytes: 64 * 2 ** 20,
  minMessages: 0,
  maxMessages: 1_000_000,
  maxAge: 48 * 3600 * 1000,
  maxChannelBytes: 2 ** 30,
  maxTotalMessages: 5_000_000,
  maxBytes: 2 ** 32,
  maxChannels: 100_000,
  keyWindow: 24 * 3600 * 1000,
  maxKeys: 100_000,
  report: (text) => process.emitWarning(text, 'FanfareStore'),
}

/** No bound at all: for tools that look at all there is. */
export const UNBOUNDED: Retention = {
  minMessages: 0,
  maxMessages: 0,
  maxAge: 0,
  maxChannelBytes: Number.POSITIVE_INFINITY,
  maxTotalMessages: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxChannels: Number.POSITIVE_INFINITY,
}
