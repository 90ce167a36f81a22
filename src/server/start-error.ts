/** What failed: a door, a store, or the main port. */
export interface Failed {
  readonly door?: string
  readonly store?: string
  /** Another part of the configuration, as people call it. */
  readonly part?: string
}

/** Why a server could not start, or a part of it could not. */
export class StartError extends Error {
  override readonly cause: NodeJS.ErrnoException
  /** The door that failed; undefined: the main port, or a store. */
  readonly door: string | undefined
  readonly store: string | undefined
  readonly part: string | undefined

  constructor(cause: NodeJS.ErrnoException, failed: Failed = {}) {
    super(cause.message)
    this.name = 'StartError'
    this.cause = cause
    this.door = failed.door
    this.store = failed.store
    this.part = failed.part
  }

  /** @returns it as it is, if it says already what failed */
  static from(thrown: unknown, failed: Failed = {}): StartError {
    return thrown instanceof StartError
      ? thrown
      : new StartError(thrown as NodeJS.ErrnoException, failed)
  }

  /** What failed and why, in a line. */
  get words(): string {
    const { code, address, port } = this.cause as NodeJS.ErrnoException & {
      address?: string
      port?: number
    }
    const what = this.store
      ? `store \`${this.store}\``
      : (this.part ?? this.door ?? 'the main port')
    const place = port === undefined ? address : `${address === '' ? '*' : address}:${port}`
    if (code === 'EADDRINUSE') return `${what}: something else listens on ${place} already`
    if (code === 'EACCES' && place !== undefined)
      return `${what}: no permission to listen on ${place}`
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      return `${what}: ${address} is not an address of this machine`
    }
    return `${what}: ${this.message}`
  }
}
