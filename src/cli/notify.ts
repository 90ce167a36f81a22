import { shown } from '../client/http.ts'
import { protocolOf, type Publisher } from '../client/publisher.ts'
import { reasonOf, RefusedError } from '../client/source.ts'
import type { NotifyFlags } from './flags.ts'
import { printable } from './printable.ts'
import { UsageError } from './target.ts'

const SCHEMES = ['tcp:', 'zmq:', 'fanout:']

/**
 * Tells a SparkleShare notification server of a new revision: for a git hook, so it does not wait long.
 * @returns the exit code
 */
export async function notify(
  repo: string,
  revision: string,
  { server, timeout, quiet }: NotifyFlags,
): Promise<number> {
  let publisher: Publisher | undefined
  try {
    const url = urlOf(server, repo)
    const ms = millisecondsOf(timeout)
    const limit = AbortSignal.timeout(ms)
    const late = new Promise<never>((_resolve, reject) => {
      limit.addEventListener('abort', () => {
        reject(new UsageError(`${shown(url)} took longer than ${ms} ms`))
      })
    })
    const work = (async () => {
      publisher = await (await protocolOf(url)).open(url, limit)
      const body = Buffer.from(revision)
      await publisher.publish([{ body, type: undefined, key: undefined, ttl: undefined }])
      await publisher.close()
    })()
    // The one that comes second has nobody to tell.
    work.catch(() => {})
    late.catch(() => {})
    await Promise.race([work, late]).catch((error: unknown) => {
      if (error instanceof RefusedError || error instanceof UsageError) throw error
      throw new UsageError(`${shown(url)} cannot be reached: ${reasonOf(error)}`)
    })
    if (!quiet) console.log(`sent to ${shown(url)}`)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof RefusedError)) throw error
    if (!quiet) console.error(`fanfare: ${printable(error.message)}`)
    return 1
  }
}

function urlOf(server: string, repo: string): URL {
  if (!URL.canParse(server)) throw new UsageError(`not a URL: ${server}`)
  const url = new URL(server)
  if (!SCHEMES.includes(url.protocol)) {
    throw new UsageError(`--server takes ${SCHEMES.join(' ')} URLs, not ${url.protocol}`)
  }
  if (!/^\/?$/.test(url.pathname)) {
    throw new UsageError('--server has no path: the repository is an argument of its own')
  }
  url.pathname = `/${encodeURIComponent(repo)}`
  return url
}

function millisecondsOf(text: string): number {
  const [, number, unit] = /^(\d{1,7})(ms|s)?$/.exec(text) ?? []
  const ms = Number(number) * (unit === 's' ? 1000 : 1)
  if (ms > 0 && ms <= 3_600_000) return ms
  throw new UsageError('--timeout takes milliseconds, or a duration such as 2s')
}
