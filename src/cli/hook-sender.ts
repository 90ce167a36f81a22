import { readSome, send, shown } from '../client/http.ts'
import { reasonOf } from '../client/source.ts'
import { feedUrl, reasonFor } from './hook-settings.ts'
import { withKey } from './target.ts'

/** Lines and bytes of one request. */
const MOST_LINES = 500
const MOST_BYTES = 2 ** 20

/** Sends events to a feed, in order, until the first failure or the end of the time. */
export class Sender {
  readonly #url: URL | undefined
  readonly #until: number
  /** What the server refused for good. */
  readonly rejected: string[] = []
  /** How many it has stored. */
  sent = 0
  /** Why nothing more is sent; undefined while all is well. One line, for people. */
  failure: string | undefined

  /**
   * @param url where to; what is no URL is a failure like any other: the events can wait for a better
   * @param until when it gives up, as `performance.now()` counts
   * @param accessKey to be shown, where the URL has none
   */
  constructor(url: string, until: number, accessKey?: string) {
    this.#until = until
    try {
      this.#url = withKey(feedUrl(url), accessKey)
    } catch (error) {
      this.failure = reasonFor(error)
    }
  }

  /** @returns those that were neither stored nor refused: the rest, from the first failure on */
  async send(lines: readonly string[]): Promise<readonly string[]> {
    let done = 0
    while (done < lines.length && this.failure === undefined) {
      done += await this.#sendBatch(batchOf(lines, done))
    }
    return lines.slice(done)
  }

  /** @returns how many of them are settled: stored, or refused for good */
  async #sendBatch(lines: readonly string[]): Promise<number> {
    const status = await this.#post(lines)
    if (status === 'failed') return 0
    if (status === 'stored') {
      this.sent += lines.length
      return lines.length
    }
    if (lines.length === 1) {
      this.rejected.push(...lines)
      return 1
    }
    // One of them is not to its liking, and nothing was stored: the half without it will pass.
    const middle = lines.length >> 1
    const first = await this.#sendBatch(lines.slice(0, middle))
    return first < middle ? first : middle + (await this.#sendBatch(lines.slice(middle)))
  }

  async #post(lines: readonly string[]): Promise<'stored' | 'refused' | 'failed'> {
    const url = this.#url
    if (!url) return 'failed'
    const left = this.#until - performance.now()
    if (left <= 0) return this.#fail(url, 'took too long')
    const body = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const headers = {
      'Content-Type': 'application/x-ndjson',
      'Content-Length': String(body.length),
      'Fanfare-Key': 'event',
    }
    const signal = AbortSignal.timeout(Math.ceil(left))
    try {
      const response = await send(url, { method: 'POST', headers, body, signal })
      const { statusCode = 0 } = response
      const text = await readSome(response)
      if (statusCode >= 200 && statusCode < 300) return 'stored'
      if (statusCode === 400 || statusCode === 413) return 'refused'
      const [words = ''] = text.trim().split(/[\r\n]/)
      return this.#fail(
        url,
        `answered ${statusCode}${words === '' ? '' : `: ${words.slice(0, 200)}`}`,
      )
    } catch (error) {
      if (signal.aborted) return this.#fail(url, 'took too long')
      return this.#fail(url, `cannot be reached: ${reasonOf(error)}`)
    }
  }

  #fail(url: URL, why: string): 'failed' {
    this.failure = `${shown(url)} ${why}`
    return 'failed'
  }
}

/** As many from there on as one request takes; one at least. */
function batchOf(lines: readonly string[], from: number): readonly string[] {
  let end = from
  for (let bytes = 0; end < lines.length && end - from < MOST_LINES; end++) {
    bytes += Buffer.byteLength(lines[end] as string) + 1
    if (bytes > MOST_BYTES && end > from) break
  }
  return lines.slice(from, end)
}
