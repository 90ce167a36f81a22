import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { RefusedError } from './refused.ts'

/** One command is one process: what it trusts holds for all its connections. */
let trusted: readonly string[] | undefined

/**
 * Trusts what this authority has signed, too.
 * @param file PEM
 * @throws RefusedError naming the file
 */
export function trustAuthority(file: string): void {
  let pem: string
  try {
    pem = readFileSync(file, 'latin1')
    // The first one shows whether there is any.
    void new X509Certificate(pem)
  } catch (error) {
    throw new RefusedError(
      `${file} has no certificate that can be read: ${(error as Error).message}`,
    )
  }
  trusted = [...rootCertificates, pem]
}

/** For the options of a connection: who may have signed the certificate of its server. */
export function authorities(): { ca?: string[] } {
  return trusted ? { ca: [...trusted] } : {}
}
