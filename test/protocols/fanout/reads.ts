import type { RawClient } from '../../support/raw.ts'

/** Notes what each single read of a client brings: the old clients read one message a read. */
export function readsOf(client: RawClient): string[] {
  const reads: string[] = []
  client.socket.on('data', (bytes: Buffer) => reads.push(bytes.toString('latin1')))
  return reads
}
