import { request, type RawReply } from '../../support/raw.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import type { UserConnection } from '../../../src/users/contract.ts'

type Headers = Readonly<Record<string, string>>

export interface ManagedServer extends TestServer {
  /** The management port. */
  readonly admin: number
  readonly get: (path: string, headers?: Headers) => Promise<RawReply>
  readonly post: (path: string, body: unknown, headers?: Headers) => Promise<RawReply>
}

/**
 * A server with the management port on.
 * @param options of `management`, in YAML's short form, such as `hosts: [push.example]`
 * @param yaml more of the configuration
 */
export async function startManaged(
  options = '',
  yaml = '',
  lean?: boolean,
): Promise<ManagedServer> {
  const started = await startServer(
    `management: { port: 0${options === '' ? '' : `, ${options}`} }\n${yaml}`,
    lean === undefined ? {} : { lean },
  )
  const admin = adminPort(started)
  return {
    ...started,
    admin,
    get: (path, headers) => request(admin, 'GET', path, headers),
    post: (path, body, headers = {}) =>
      request(
        admin,
        'POST',
        path,
        { 'Content-Type': 'application/json', ...headers },
        typeof body === 'string' ? body : JSON.stringify(body),
      ),
  }
}

function adminPort({ server }: TestServer): number {
  const place = server.places.find(({ what }) => what === 'management')
  return Number(/:(?<port>\d+)\/$/.exec(place?.where ?? '')?.groups?.['port'])
}

/** A connection of a user that notes what it is told. */
export class Told implements UserConnection {
  readonly id: string
  readonly door = 'test'
  readonly peer = '127.0.0.1'
  readonly log: string[] = []

  constructor(id: string) {
    this.id = id
  }

  subscribed(channel: string): void {
    this.log.push(`+${channel}`)
  }

  unsubscribed(channel: string): void {
    this.log.push(`-${channel}`)
  }

  resubscribed(channels: readonly string[]): void {
    this.log.push(`=${channels.join()}`)
  }

  removed(): void {
    this.log.push('removed')
  }

  disconnect(): void {
    this.log.push('disconnect')
  }
}
