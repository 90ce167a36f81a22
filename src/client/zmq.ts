import { RefusedError } from './source.ts'

/** Where SparkleShare's ZeroMQ server broadcasts. */
export const ZMQ_PORT = 9998
/** Where it takes notifications. */
export const ZMQ_COMMAND_PORT = 9997

/**
 * The zeromq package, which is optional: 41 MB, and only for this protocol.
 * @throws RefusedError where it is not installed, or has no build for this system
 */
export async function loadZmq(): Promise<typeof import('zeromq')> {
  try {
    return await import('zeromq')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'ERR_MODULE_NOT_FOUND'
        ? 'need the package zeromq: npm install zeromq'
        : `need the package zeromq, which cannot be loaded: ${message.split('\n', 1)[0]}`
    throw new RefusedError(`zmq: URLs ${why}`)
  }
}

/** What a socket shows with PLAIN: the name and the password of the URL, if it has one. */
export function plainOf({ username, password }: URL): {
  readonly plainUsername?: string
  readonly plainPassword?: string
} {
  if (password === '') return {}
  return {
    plainUsername: decodeURIComponent(username) || 'default',
    plainPassword: decodeURIComponent(password),
  }
}

/** Why a socket is told 400 in the handshake. */
export const REFUSED = 'the server refuses this key, or it may not do this'

/** Why a handshake does not come to be: the two show who they are in different ways. */
export const MISMATCH =
  'the server wants another way of showing who is there: with PLAIN a key, as --access-key or in the URL; ' +
  'with none, no key; CURVE is not known here'

/** As ZeroMQ wants it: IPv6 in brackets. */
export function zmqEndpoint(host: string, port: number): string {
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
}
