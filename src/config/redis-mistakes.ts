import type { Mistake } from './schema.ts'
import type { RedisStoreConfig, ResolvedConfig } from './types.ts'

/** What a Redis is reached by, as far as not everything goes together. */
type Reach = Pick<RedisStoreConfig, 'url' | 'database' | 'sentinels' | 'cluster' | 'tls'> & {
  readonly key_prefix?: string
}

/** The mistakes of all Redis stores. */
export function redisMistakes(config: ResolvedConfig): Mistake[] {
  const stores = Object.entries(config.stores)
  return stores.flatMap(([name, store]) => {
    if (store.type !== 'redis') return []
    const path = stores.length === 1 && name === 'default' ? 'store' : `store.${name}`
    return reachMistakes(store).map((message) => ({ key: 'store', path, message }))
  })
}

/** What of a Redis's options does not go together. */
export function reachMistakes(reach: Reach): string[] {
  return [...urlMistakes(reach), ...clusterMistakes(reach), ...tlsMistakes(reach)]
}

function urlMistakes({ url, sentinels }: Reach): string[] {
  if (url === undefined) return []
  const found: string[] = []
  // Never with what it says: there may be a password in it.
  if (!URL.canParse(url)) found.push('`url` is no URL, such as `redis://redis.example:6379/0`')
  else if (!/^\/?\d*$/.test(new URL(url).pathname)) {
    found.push('behind the host of `url` there may only be the number of a database, such as `/0`')
  }
  if (sentinels.length > 0) {
    found.push('`url` and `sentinels` both say where Redis is; leave one of them out')
  }
  return found
}

function clusterMistakes({ cluster, url, sentinels, database, key_prefix }: Reach): string[] {
  if (cluster.length === 0) return []
  const found: string[] = []
  for (const [key, given] of Object.entries({ url, sentinels: sentinels[0] })) {
    if (given !== undefined) {
      found.push(`\`cluster\` and \`${key}\` both say where Redis is; leave one of them out`)
    }
  }
  if (database !== 0) found.push('a Redis Cluster has no database but 0; leave `database` out')
  if (key_prefix?.includes('{')) {
    found.push('with `cluster`, `key_prefix` has no `{`: it would send all keys to one node')
  }
  return found
}

function tlsMistakes({ tls }: Reach): string[] {
  if (typeof tls === 'boolean' || (tls.cert === undefined) === (tls.key === undefined)) return []
  return ['`tls.cert` and `tls.key` belong together; one of them is missing']
}
