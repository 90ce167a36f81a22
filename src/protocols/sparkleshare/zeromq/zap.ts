import type { Router } from 'zeromq'
import type { Access } from '../../../access/access.ts'
import type { Caller } from '../../../access/caller.ts'
import { FanfareError } from '../../../model/errors.ts'
import { chain, type MaybePromise } from '../../../model/maybe.ts'
import { z85 } from './curve.ts'
import { framesOf } from './frames.ts'
import type { Mechanism } from './greeting.ts'

/** How a peer is answered (ZeroMQ RFC 27, "Status codes"): welcome, for now not, and no. */
export type Verdict = '200' | '300' | '400'

const VERSION = '1.0'

/**
 * Answers libzmq's questions about peers. Each has its own time: one whose token's keys have to be fetched first
 * keeps nobody else waiting.
 * @param judge a peer of a socket with this domain
 * @returns once the socket was closed
 */
export async function answerZap(
  socket: Router,
  judge: (domain: string, credentials: readonly Buffer[]) => MaybePromise<Verdict>,
  onError: (error: unknown) => void,
): Promise<void> {
  // A socket sends one message at a time.
  let sent = Promise.resolve()
  const answer = async (frames: readonly (Buffer | string)[]): Promise<void> => {
    try {
      if (!socket.closed) await socket.send([...frames])
    } catch (error) {
      if (!socket.closed) onError(error)
    }
  }
  for await (const frames of framesOf(socket)) {
    const [to = '', , , id = '', domain, , , , ...credentials] = frames
    const said = async (): Promise<void> => {
      const verdict = await judge(domain?.toString('latin1') ?? '', credentials)
      sent = sent.then(() => answer([to, '', VERSION, id, verdict, '', '', '']))
    }
    said().catch(onError)
  }
}

/**
 * Who is meant by what a peer has shown: the name and the secret of a key, or a token (PLAIN, ZeroMQ RFC 24); the
 * public half of a key pair, of which CURVE has proved that it has the other.
 * @throws FanfareError `not_authorized`, `access_unavailable`
 */
export function identifyPeer(
  access: Access,
  mechanism: Mechanism,
  credentials: readonly Buffer[],
): MaybePromise<Caller> {
  const [first, second] = credentials
  if (mechanism === 'CURVE') {
    if (first?.length !== 32) throw new FanfareError('not_authorized')
    return access.identifyCurve(z85(first))
  }
  const user = first?.toString() ?? ''
  return chain(access.identifySecret(second?.toString('latin1') ?? ''), (caller) => {
    // As at the redis door: the name need not be known, but must not be another's.
    if (['', 'default', caller.name, caller.user].includes(user)) return caller
    throw new FanfareError('not_authorized', 'The name is not that of the key.')
  })
}
