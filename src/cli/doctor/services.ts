import { accessKey } from '../../access/config.ts'
import { readKeys } from '../../access/keys.ts'
import { isLoopback } from '../../access/peers.ts'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { clusterOf } from '../../config/cluster.ts'
import { entranceOf } from '../../config/entrance.ts'
import { doorOf, type ResolvedConfig } from '../../config/types.ts'
import { managementKey } from '../../protocols/management/config.ts'
import { Link } from '../../stores/redis/link.ts'
import { connectionOf } from '../../stores/redis/open.ts'
import { fail, type Finding, ok, type Patient, warn, wordsOf } from './check.ts'
import type { Port } from './ports.ts'

/** The oldest Redis whose commands are all there. */
const OLDEST = 6.2
/** How long Redis and the management port may take to answer, in ms. */
const PATIENCE = 5_000
/** How far two clocks may lie apart, in ms. */
const MOST_APART = 1_000

/** How a Redis is reached, and what for. */
interface Wanted {
  readonly what: string
  readonly options: Parameters<typeof connectionOf>[0]
}

/** Every Redis that the configuration names. */
export async function checkRedis(config: ResolvedConfig): Promise<Finding[]> {
  const wanted: Wanted[] = Object.entries(config.stores).flatMap(([name, store]) =>
    store.type === 'redis' ? [{ what: `redis of store ${name}`, options: store }] : [],
  )
  const cluster = clusterOf(config)
  if (cluster) wanted.push({ what: 'redis of the cluster', options: cluster.redis })
  const found = await Promise.all(wanted.map((one) => checkOne(one)))
  return found.flat()
}

function nothing(): void {}

async function checkOne({ what, options }: Wanted): Promise<Finding[]> {
  const link = new Link(connectionOf(options), 'fanfare-doctor', PATIENCE, {
    joined: async () => {},
    up: nothing,
    lost: nothing,
    message: nothing,
    report: nothing,
  })
  try {
    await Promise.race([link.started, pause(PATIENCE, undefined, { ref: false })])
    if (!link.up) {
      const advice = 'Start it, or say where it is and how to log in (`store.url`).'
      return [fail(what, link.unavailable().message, advice)]
    }
    const before = Date.now()
    const time = await link.ask(['TIME'])
    const between = (before + Date.now()) / 2
    const info = String(await link.ask(['INFO']))
    return [versionIn(what, info), clockOf(what, time, between), ...evictionIn(what, info)]
  } catch (error) {
    return [fail(what, wordsOf(error), 'It answers, and not as it should: look into its log.')]
  } finally {
    await link.close()
  }
}

function versionIn(what: string, info: string): Finding {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  if (Number.parseFloat(version) >= OLDEST) return ok(what, `answers, version ${version}`)
  return warn(what, `answers, version ${version}`, `It should be ${OLDEST} or later.`)
}

function clockOf(what: string, time: unknown, now: number): Finding {
  const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
  const apart = (seconds ?? Number.NaN) * 1000 + (micros ?? 0) / 1000 - now
  if (Math.abs(apart) <= MOST_APART) return ok(what, 'its clock is this machine’s')
  const words = `its clock is ${Math.abs(apart / 1000).toFixed(1)} s ${apart > 0 ? 'ahead of' : 'behind'} this machine’s`
  return warn(what, words, 'Set both by NTP: ids are times, and times are compared.')
}

function evictionIn(what: string, info: string): Finding[] {
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === undefined || policy === 'noeviction') return []
  const advice = 'CONFIG SET maxmemory-policy noeviction; bounds of the store do that work.'
  return [warn(what, `drops keys by itself when it is full (maxmemory-policy ${policy})`, advice)]
}

/** The file of keys, and whether the management port may be reached as widely as it is configured. */
export function checkKeys(config: ResolvedConfig): Finding[] {
  const what = 'keys'
  const { keys: file } = doorOf(config, 'access', accessKey)
  let manages = false
  const found: Finding[] = []
  try {
    const { records } = readKeys(file)
    const now = Date.now()
    manages = records.some(
      ({ manage, revoked, expires = Number.POSITIVE_INFINITY }) =>
        manage && revoked === undefined && expires > now,
    )
    const words = records.length === 0 ? 'none' : `${records.length}, in ${file}`
    found.push(ok(what, words))
  } catch (error) {
    const advice = 'It is `access.keys`: have it belong to the user who runs the server.'
    found.push(fail(what, wordsOf(error), advice))
  }
  const options = doorOf(config, 'management', managementKey)
  if (options === false || options.key !== undefined || manages) return found
  if (isLoopback(options.address) || options.address === 'localhost') return found
  const words = `other machines can reach ${options.address || 'it (all interfaces)'}, and there is no key`
  const advice =
    'Set `management.key`, make one that may manage (`fanfare key create NAME --manage`), or leave the address at 127.0.0.1.'
  return [...found, fail('management', words, advice)]
}

/** Whether the management port answers, when a server runs. */
export async function checkManagement(
  { running, config }: Patient,
  place: Port | undefined,
): Promise<Finding> {
  const what = 'management'
  if (!place) return ok(what, 'off')
  if (running === undefined) return ok(what, 'no server runs yet: `npm start` or `fanfare serve`')
  const options = doorOf(config, 'management', managementKey)
  if (options === false) return ok(what, 'off')
  const { tls, proxyProtocol } = entranceOf(options, config)
  if (proxyProtocol) return ok(what, 'not asked: only proxies may (`management.proxyProtocol`)')
  if (tls && tls.clientCertificates === 'require') {
    return ok(what, 'not asked: only who has a certificate may (`clientCertificates: require`)')
  }
  const any = ['', '0.0.0.0', '::'].includes(place.address)
  const host = any ? '127.0.0.1' : place.address
  const shown = host.includes(':') ? `[${host}]` : host
  const url = `${tls ? 'https' : 'http'}://${shown}:${place.port}/readyz`
  try {
    const status = await statusOf(url)
    if (status === 503) {
      const advice = `See what ${url} says.`
      return warn(what, 'answers that the server is not ready', advice)
    }
    return ok(what, `answers at ${url.replace('readyz', '')}`)
  } catch (error) {
    const advice = 'The server runs and does not answer: look into its log.'
    return fail(what, `${url}: ${wordsOf(error)}`, advice)
  }
}

/** Nothing is told to whoever answers, and nothing believed: so its certificate may be anybody's, of any name. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const open = url.startsWith('https:') ? httpsRequest : httpRequest
    const signal = AbortSignal.timeout(PATIENCE)
    const request = open(url, { agent: false, signal, rejectUnauthorized: false }, (response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', (error) => {
      reject(signal.aborted ? new Error(`no answer within ${PATIENCE / 1000} s`) : error)
    })
    request.end()
  })
}
