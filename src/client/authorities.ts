import { readFile } from 'node:fs/promises'
import { RefusedError } from './refused.ts'

/** One command is one process: what it trusts holds for all its connections. */
let trusted: readonly string[] | undefined

/**
 * Trusts what this authority has signed, too.
 * @param file PEM
 * @throws RefusedError naming the file
 */
export async function trustAuthority(file: string): Promise<void> {
  // Only for those who ask for it: reading the known authorities costs each start some time.
  const [{ rootCertificates }, { X509Certificate }] = await Promise.all([
    import('node:tls'),
    import('node:crypto'),
  ])
  let pem: string
  try {
    pem = await readFile(file, 'latin1')
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
