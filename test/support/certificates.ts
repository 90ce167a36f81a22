/** Certificates for tests: an authority, and what it has signed. Made once a process, with openssl. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  /** Files. */
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** File of its certificate. */
  readonly ca: string
  /** What is in it. */
  readonly pem: string
  readonly folder: string
  /** A new certificate. @param names as `DNS:localhost` or `IP:127.0.0.1`; the first is the subject */
  sign(...names: string[]): Certificate
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
let made: Authority | undefined
let count = 0

/** The authority that tests share. */
export function authority(): Authority {
  return (made ??= newAuthority('Tests'))
}

/** An authority that nobody knows yet. */
export function newAuthority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'fanfare-tls-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const ca = join(folder, 'ca.pem')
  const caKey = join(folder, 'ca.key')
  const subject = ['-subj', `/CN=${name}`]
  openssl(['req', '-x509', ...EC, '-keyout', caKey, '-out', ca, '-days', '30', ...subject])
  const sign = (...names: string[]): Certificate => {
    const base = join(folder, `${++count}`)
    const [cert, key, request] = [`${base}.pem`, `${base}.key`, `${base}.csr`]
    const common = (names[0] ?? '').replace(/^\w+:/, '')
    openssl(['req', ...EC, '-keyout', key, '-out', request, '-subj', `/CN=${common}`])
    writeFileSync(`${base}.ext`, `subjectAltName=${names.join(',')}\n`)
    const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '30']
    openssl(['x509', '-req', '-in', request, '-out', cert, ...signing, '-extfile', `${base}.ext`])
    return { cert, key }
  }
  return { ca, pem: readFileSync(ca, 'latin1'), folder, sign }
}

/** Puts files in the place of others at once, as tools that renew certificates do. */
export function replace(files: Certificate, by: Certificate): void {
  for (const kind of ['cert', 'key'] as const) {
    copyFileSync(by[kind], `${files[kind]}.new`)
    renameSync(`${files[kind]}.new`, files[kind])
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}
