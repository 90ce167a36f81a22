import type { PollDoor, PublishForm } from './door.ts'
import { WireError } from './door.ts'
import { firstLine, header, readHead, requestBytes, responseEnd } from './http.ts'

/**
 * Long polling by the HTTP push relay protocol: the cursor is the previous answer's Last-Modified
 * and Etag, sent back as If-Modified-Since and If-None-Match.
 */
export function longpollDoor(path: (channel: string) => string, publish: PublishForm): PollDoor {
  return {
    kind: 'poll',
    label: 'long poll',
    port: 'main',
    publishPort: 'main',
    publish,
    request: (channel, cursor) =>
      requestBytes('GET', path(channel), cursor === undefined ? [] : cursor.split('\n')),
    read(received) {
      const head = readHead(received)
      if (head === undefined) return undefined
      if (head.status !== 200) throw new WireError(`a poll was answered ${firstLine(head)}`)
      const length = responseEnd(head)
      if (received.length < length) return undefined
      const modified = header(head, 'Last-Modified')
      const tag = header(head, 'Etag')
      if (modified === undefined || tag === undefined) {
        throw new WireError('a poll was answered without Last-Modified or Etag')
      }
      const cursor = `If-Modified-Since: ${modified}\nIf-None-Match: ${tag}`
      return { length, body: head.end, cursor }
    },
  }
}
