/** Certificates and keys as they lie on disk, read again when they change. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** What TLS speaks at a port; the keys are the configuration's. */
export interface TlsOptions {
  /** Files. */
  readonly cert: string
  readonly key: string
  readonly sni: readonly {
    readonly cert: string
    readonly key: string
    readonly names?: readonly string[] | undefined
  }[]
  readonly ca?: string | undefined
  readonly clientCertificates: 'none' | 'request' | 'require'
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** Only what has forward secrecy and authenticates what it encrypts. */
const CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
  'ECDHE+AESGCM:ECDHE+CHACHA20'

/** How often the files are looked at, in ms. */
const LOOK = 1_000

/** A certificate for clients that ask for one of these names. */
interface Named {
  readonly names: ReadonlySet<string>
  readonly context: SecureContext
}

interface Loaded {
  /** For clients that ask for no name, or for none of the others'. */
  readonly options: SecureContextOptions
  readonly named: readonly Named[]
}

/**
 * The files of one configuration. They are looked at rather than watched: what puts certificates in place
 * writes, renames and links in any order, also over a network, and a second more or less is nothing here.
 */
export class TlsFiles {
  readonly options: TlsOptions
  readonly #onError: (error: unknown) => void
  readonly #changed = new Set<() => void>()
  #loaded: Loaded
  /** What the files looked like at the last look, and when they were last read. */
  #seen: string
  #read: string
  #looking = false
  #timer: NodeJS.Timeout | undefined

  /** @throws Error that names the file which cannot be used */
  constructor(options: TlsOptions, onError: (error: unknown) => void) {
    this.options = options
    this.#onError = onError
    // Before they are read: what is written meanwhile is seen as another.
    this.#read = filesOf(options).map(printNow).join()
    this.#seen = this.#read
    this.#loaded = load(options)
  }

  /** Of the certificate that everybody is shown who asks for no other. */
  get context(): SecureContextOptions {
    return this.#loaded.options
  }

  /** The certificate for a name that is asked for; undefined: the one that everybody is shown. */
  contextFor(name: string): SecureContext | undefined {
    const asked = name.toLowerCase()
    const wild = `*${asked.slice(Math.max(0, asked.indexOf('.')))}`
    const { named } = this.#loaded
    const found =
      named.find(({ names }) => names.has(asked)) ?? named.find(({ names }) => names.has(wild))
    return found?.context
  }

  /**
   * Looks at the files as long as anybody does this.
   * @param changed is called when they were read again
   */
  follow(changed: () => void): void {
    this.#changed.add(changed)
    if (this.#timer) return
    const look = (): void => void this.look().catch(this.#onError)
    this.#timer = setInterval(look, LOOK).unref()
  }

  leave(changed: () => void): void {
    this.#changed.delete(changed)
    if (this.isFollowed) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  get isFollowed(): boolean {
    return this.#changed.size > 0
  }

  /** Reads the files again when they have changed, and been quiet since the last look. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const seen = (await Promise.all(filesOf(this.options).map(printOf))).join()
    this.#looking = false
    const quiet = seen === this.#seen
    this.#seen = seen
    if (!quiet || seen === this.#read) return
    this.#read = seen
    try {
      this.#loaded = load(this.options)
    } catch (error) {
      const { message } = error as Error
      this.#onError(new Error(`tls: ${message}; the former certificates go on being used`))
      return
    }
    for (const changed of this.#changed) changed()
  }
}

/** Files of the same configuration are one, as long as they are followed. */
export class TlsCache {
  readonly #files = new Map<string, TlsFiles>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** @throws Error that names the file which cannot be used */
  get(options: TlsOptions): TlsFiles {
    for (const [key, files] of this.#files) if (!files.isFollowed) this.#files.delete(key)
    const key = JSON.stringify(options)
    const known = this.#files.get(key)
    if (known) return known
    const files = new TlsFiles(options, this.#onError)
    this.#files.set(key, files)
    return files
  }
}

function load(options: TlsOptions): Loaded {
  const { cert, key, sni, ca, clientCertificates, minVersion } = options
  if (clientCertificates !== 'none' && ca === undefined) {
    throw new Error('`clientCertificates` asks for certificates, and `ca` does not say whose')
  }
  const shared: SecureContextOptions = {
    minVersion,
    ciphers: CIPHERS,
    // So that clients with certificates can resume their sessions.
    sessionIdContext: 'fanfare',
    ...(ca === undefined ? {} : { ca: read(ca) }),
  }
  const pair = { ...shared, cert: read(cert), key: read(key) }
  contextOf(pair, cert, key)
  const named = sni.map((one) => {
    const pem = read(one.cert)
    const context = contextOf({ ...shared, cert: pem, key: read(one.key) }, one.cert, one.key)
    const names = one.names ?? namesIn(pem, one.cert)
    return { names: new Set(names.map((name) => name.toLowerCase())), context }
  })
  return { options: pair, named }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function contextOf(options: SecureContextOptions, cert: string, key: string): SecureContext {
  try {
    return createSecureContext(options)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const words =
      code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' ? 'the key belongs to another' : message
    throw new Error(`${cert} with ${key} cannot be used: ${words}`, { cause: error })
  }
}

/** The names that a certificate has itself. */
function namesIn(pem: string, file: string): string[] {
  const { subjectAltName = '' } = new X509Certificate(pem)
  const names = [...subjectAltName.matchAll(/DNS:([^,\s"]+)/g)].map(([, name = '']) => name)
  if (names.length === 0) throw new Error(`${file} has no name; say it with \`names\``)
  return names
}

function filesOf({ cert, key, sni, ca }: TlsOptions): string[] {
  const files = [cert, key, ...sni.flatMap((one) => [one.cert, one.key])]
  return ca === undefined ? files : [...files, ca]
}

/** What shows whether a file is another than before. */
function print({ ino, mtimeMs, size }: Stats): string {
  return `${ino}/${mtimeMs}/${size}`
}

async function printOf(file: string): Promise<string> {
  return stat(file).then(print, codeOf)
}

function printNow(file: string): string {
  try {
    return print(statSync(file))
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}
