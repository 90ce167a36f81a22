import type { Encoder } from '../../hub/contract.ts'
import type { Message } from '../../model/message.ts'
import { batchOf } from '../../net/paced.ts'
import { newVersion, repoOf, revisionOf } from './packet.ts'
import type { Dialect } from './splitter.ts'
import { escapeXml } from './xml.ts'

/** A `new_version` for each message, in one of the two dialects. */
export class NewVersionEncoder implements Encoder {
  readonly key: string
  readonly door = 'sparkleshare'
  readonly tellsGaps = false
  readonly #dialect: Dialect
  readonly #slash: '' | '/'

  /** @param slash what this client writes in front of the name: `/` or nothing */
  constructor(dialect: Dialect, slash: '' | '/') {
    this.#dialect = dialect
    this.#slash = slash
    this.key = `sparkleshare ${dialect}${slash}`
  }

  encode(messages: readonly Message[]): Buffer {
    return batchOf(
      messages.map((message) => this.#packet(message)),
      messages.map(({ id }) => id),
    )
  }

  #packet(message: Message): Buffer {
    const repo = repoOf(message.channel, this.#slash)
    const revision = revisionOf(message)
    if (this.#dialect === 'json') return Buffer.from(newVersion(repo, revision))
    const readable = `New revision is ${revision ?? 'None'}`
    return Buffer.from(
      `<packet><command>new_version</command><repo>${escapeXml(repo)}</repo>` +
        `<readable>${escapeXml(readable)}</readable></packet>`,
    )
  }
}
