/** The built pages: the console and the demo. They are made from `console/` by `npm run build`. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { FanfareError } from '../model/errors.ts'
import type { Exchange } from './exchange.ts'
import { errorReply, type HeaderLines, reply } from './reply.ts'

/** Beside the compiled program, and from its sources. */
const FOLDERS = ['../../console/', '../../dist/console/'].map((place) =>
  fileURLToPath(new URL(place, import.meta.url)),
)

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

/** Where text is shorter than this, packing it saves no packet. */
const LEAST_PACKED = 1_024

/**
 * Nothing but this server's own files runs in a page, nothing may frame it, and no form of it leaves by
 * itself.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const SAFE: HeaderLines = [
  'X-Content-Type-Options: nosniff',
  'Referrer-Policy: no-referrer',
  'Cross-Origin-Resource-Policy: same-origin',
]

interface Asset {
  readonly type: string
  readonly plain: Buffer
  readonly packed: Buffer | undefined
}

/** Files by name; there are only those that were built. */
const assets = new Map<string, Asset>()

/** Sends a page, which is looked for anew each time: it names the files of the last build. */
export function sendPage(exchange: Exchange, name: string): void {
  const page = read(`${name}.html`)
  if (!page) {
    const detail = 'The pages were not built: run `npm run build` and try again.'
    exchange.send(
      errorReply(exchange, new FanfareError('unknown_location', detail), exchange.closes),
    )
    return
  }
  const lines = [
    'Cache-Control: no-cache',
    `Content-Security-Policy: ${PAGE_POLICY}`,
    'Cross-Origin-Opener-Policy: same-origin',
  ]
  send(exchange, page, lines)
}

/** Of what is in it, as the bundler writes it into a name: under such a name nothing ever changes. */
const HASHED = /-[0-9A-Z]{8}\.[a-z]+$/

/**
 * Sends a file of the build.
 * @param name as it stands in a path
 * @returns false when there is none of that name
 */
export function sendAsset(exchange: Exchange, name: string): boolean {
  const known = assets.get(name)
  const asset = known ?? read(name)
  if (!asset) return false
  if (!known) assets.set(name, asset)
  const keep = HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache'
  send(exchange, asset, [`Cache-Control: ${keep}`])
  return true
}

/** Finds a built file. */
function read(name: string): Asset | undefined {
  const type = TYPES[/^[\w-]+\.([a-z]+)$/.exec(name)?.[1] ?? '']
  const folder = FOLDERS.find((place) => existsSync(`${place}console.html`))
  if (type === undefined || folder === undefined || !existsSync(folder + name)) return undefined
  const plain = readFileSync(folder + name)
  return { type, plain, packed: plain.length < LEAST_PACKED ? undefined : gzipSync(plain) }
}

function send(exchange: Exchange, { type, plain, packed }: Asset, more: HeaderLines): void {
  const takes = packed && /\bgzip\b/.test(exchange.header('accept-encoding') ?? '')
  const lines = [`Content-Type: ${type}`, 'Vary: Accept-Encoding', ...SAFE, ...more]
  if (takes) lines.push('Content-Encoding: gzip')
  exchange.send(reply(200, lines, takes ? packed : plain, exchange.closes))
}
