import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import {
  connect,
  type ConnectOptions,
  type Fanfare,
  type Followed,
  type Message,
  type Status,
  type SubscribeOptions,
  type Subscription,
} from '../../src/sdk/index.ts'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

/** Locations whose clients come back at once. */
export const LOCATIONS = `
locations:
  - { type: publisher, prefix: /publisher/ }
  - { type: events, prefix: /events/, retry: 10ms }
  - { type: websocket, prefix: /ws/ }
`

export const TRANSPORTS = ['sse', 'websocket'] as const

/** A client of a server, or of what stands before it. */
export function clientAt(port: number, options: ConnectOptions = {}): Fanfare {
  return connect({ url: `http://127.0.0.1:${port}`, WebSocket, ...options })
}

/** Where a server's management port is. */
export function managementUrl(server: TestServer['server']): string {
  const place = server.places.find(({ what }) => what.startsWith('management'))
  expect(place).toBeDefined()
  return place?.where ?? ''
}

/** A subscription, and all that it has told. */
export class Reader {
  readonly subscription: Subscription
  readonly got: Followed[] = []
  readonly statuses: Status[] = []
  error: unknown
  ended = false

  constructor(fanfare: Fanfare, channels: string | string[], options: SubscribeOptions = {}) {
    this.subscription = fanfare.subscribe(channels, {
      onStatus: (status) => this.statuses.push(status),
      ...options,
    })
    onTestFinished(() => this.subscription.close())
    void this.#read()
  }

  /** One that the server follows for already. */
  static async open(
    fanfare: Fanfare,
    channels: string | string[],
    options: SubscribeOptions = {},
  ): Promise<Reader> {
    const reader = new Reader(fanfare, channels, options)
    await reader.subscription.opened
    return reader
  }

  async #read(): Promise<void> {
    try {
      for await (const item of this.subscription) this.got.push(item)
    } catch (error) {
      this.error = error
    }
    this.ended = true
  }

  get messages(): Message[] {
    return this.got.filter((item) => item.kind === 'message')
  }

  get bodies(): unknown[] {
    return this.messages.map(({ body }) => body)
  }

  get states(): string[] {
    return this.statuses.map(({ state }) => state)
  }

  /** Waits for so many, gaps included. */
  async take(count: number): Promise<Followed[]> {
    await until(() => this.got.length >= count, `${count} items, not ${this.got.length}`)
    return this.got
  }
}
