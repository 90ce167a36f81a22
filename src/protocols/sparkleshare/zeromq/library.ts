export type Zeromq = typeof import('zeromq')

/** Why there is no ZeroMQ, in one line: nobody needs to see where in the program that was found. */
export class ZeromqOff extends Error {
  constructor(cause: unknown) {
    super(`sparkleshare: ZeroMQ is off: ${whyNot(cause)}`)
    this.name = 'ZeromqOff'
    this.stack = this.message
  }
}

/**
 * The package is optional, and native: loaded only when somebody wants it.
 * @throws ZeromqOff
 */
export async function loadZeromq(): Promise<Zeromq> {
  try {
    return await import('zeromq')
  } catch (error) {
    throw new ZeromqOff(error)
  }
}

function whyNot(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    return 'the optional package zeromq is not installed. Install it with `npm install zeromq`, or set `sparkleshare: { zeromq: false }`.'
  }
  return `the package zeromq cannot be loaded here (${message.split('\n', 1)[0]}). Set \`sparkleshare: { zeromq: false }\` to do without it.`
}
