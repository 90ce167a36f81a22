import { turn } from './turn.ts'

/** A socket of zeromq.js that messages come from. */
interface Source {
  readonly closed: boolean
  receive(): Promise<Buffer[]>
}

/**
 * What a socket receives, until it is closed. A peer whose command libzmq drops, such as a SUBSCRIBE that has fewer
 * bytes than it says, leaves a socket that says it has something, and has not: the package's own iterator ends with
 * that for everybody.
 */
export async function* framesOf(socket: Source): AsyncGenerator<readonly Buffer[], void> {
  while (!socket.closed) {
    const frames = await receiveFrom(socket)
    if (frames) yield frames
    else await turn()
  }
}

/** @returns undefined when there was nothing */
async function receiveFrom(socket: Source): Promise<readonly Buffer[] | undefined> {
  try {
    return await socket.receive()
  } catch (error) {
    if (isAgain(error)) return undefined
    throw error
  }
}

/** Whether a socket could not do it now: it is full, or empty. */
export function isAgain(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}
