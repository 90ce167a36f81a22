import { onTestFinished } from 'vitest'
import { follow } from '../../src/client/follow.ts'
import type { Cursor, Followed, FollowOptions } from '../../src/client/source.ts'

/** What follow() gives, kept as it comes. */
export class Follower {
  readonly seen: Followed[] = []
  failure: unknown
  readonly done: Promise<void>
  readonly cursor: Cursor = { id: undefined, retry: 0 }
  readonly #stop = new AbortController()

  constructor(url: URL, options: Omit<FollowOptions, 'signal'> = {}) {
    onTestFinished(() => this.#stop.abort())
    this.done = this.#run(url, options)
  }

  async #run(url: URL, options: Omit<FollowOptions, 'signal'>): Promise<void> {
    try {
      const { signal } = this.#stop
      for await (const event of follow(url, { cursor: this.cursor, ...options, signal }))
        this.seen.push(event)
    } catch (error) {
      this.failure = error
    }
  }

  get bodies(): string[] {
    return this.seen.flatMap((event) => (event.kind === 'message' ? [event.body] : []))
  }

  count(kind: Followed['kind']): number {
    return this.seen.filter((event) => event.kind === kind).length
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.done
  }
}
