/** The part of faye that is used here: it has no types of its own. */
declare module 'faye' {
  import type { Server } from 'node:http'

  class NodeAdapter {
    constructor(options: { mount: string; timeout: number })
    attach(server: Server): void
    getClient(): { publish(channel: string, data: unknown): PromiseLike<void> }
  }
  const faye: { NodeAdapter: typeof NodeAdapter }
  export default faye
}
