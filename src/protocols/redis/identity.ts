import { NOTHING as NO_END } from '../../access/access.ts'
import type { Caller } from '../../access/caller.ts'
import { shownAddress } from '../../access/peers.ts'
import type { ChannelName } from '../../model/channel.ts'
import type { FanfareError } from '../../model/errors.ts'
import { chain, type MaybePromise } from '../../model/maybe.ts'
import { Selectors } from '../../model/selector.ts'
import type { Command } from './command.ts'
import { RedisError } from './errors.ts'
import type { RedisServer } from './server.ts'

const NO_AUTH = new RedisError('NOAUTH Authentication required.')

/** Who speaks on a connection, and what that one may do. */
export class Identity {
  /** Has said the password, or none is asked for. */
  authenticated: boolean
  readonly #server: RedisServer
  readonly #peer: string
  /** Who it is by what it has said; undefined: by its address. */
  #known: Caller | undefined
  /** Who it is by its address, under which version of what holds. */
  #byAddress: Caller
  #version: number
  #unwatch: () => void = NO_END

  /** @param peer the address at the other end; '' when it has gone */
  constructor(server: RedisServer, peer: string) {
    this.#server = server
    this.#peer = peer
    this.#byAddress = server.access.identifyPeer(peer)
    this.#version = server.access.version
    this.authenticated = !server.guarded
  }

  /** Who asks. */
  get caller(): Caller {
    return this.#known ?? this.#atAddress
  }

  get #atAddress(): Caller {
    const { access } = this.#server
    if (this.#version !== access.version) {
      this.#byAddress = access.identifyPeer(this.#peer)
      this.#version = access.version
    }
    return this.#byAddress
  }

  /**
   * It has said who it is. What it is subscribed to, it must be allowed as that one, too: a subscription ends with
   * what it was allowed by.
   * @param caller undefined: that is no more than is known by its address
   * @param followed what it is subscribed to, if it is to anything
   * @param end called when what was said is no longer good
   * @throws FanfareError where it may not follow that; nothing has changed then
   */
  become(
    caller: Caller | undefined,
    followed: Selectors | undefined,
    end: (reason: FanfareError) => void,
  ): MaybePromise<void> {
    return chain(this.#mustKeep(caller ?? this.#atAddress, followed), () => {
      this.authenticated = true
      this.#is(caller, end)
    })
  }

  #mustKeep(caller: Caller, followed: Selectors | undefined): MaybePromise<void> {
    const { access } = this.#server
    if (!followed || access.mayFollowAll(caller)) return undefined
    return access.mustFollow(caller, followed, false)
  }

  #is(caller: Caller | undefined, end: (reason: FanfareError) => void): void {
    this.forget()
    this.#known = caller
    if (caller) this.#unwatch = this.#server.access.watch(caller, end)
  }

  /** As if nothing had been said. */
  forget(): void {
    this.#unwatch()
    this.#unwatch = NO_END
    this.#known = undefined
  }

  /** @throws FanfareError why it may not */
  mustPublish(channel: ChannelName, messages: number): MaybePromise<void> {
    return this.#server.access.mustPublish(this.caller, channel, messages)
  }

  /**
   * @param history whether it reads what was published before
   * @throws FanfareError why it may not
   */
  mustFollow(
    channels: readonly ChannelName[],
    history: boolean,
    patterns: readonly string[],
  ): MaybePromise<void> {
    const { access } = this.#server
    const { caller } = this
    if (access.mayFollowAll(caller)) return undefined
    return access.mustFollow(caller, new Selectors(channels, [], patterns), history)
  }

  /** Whether it is told that there is such a channel. */
  sees(channel: ChannelName): boolean {
    const { grants, user } = this.caller
    return grants.subscribe.isEverything || grants.subscribe.allow(channel, user)
  }

  /** @throws RedisError when this connection may not do that, now or at all */
  mustBeAllowed(command: Command): void {
    if (!this.authenticated && !command.open) throw NO_AUTH
    if (command.publishes) this.#mustBePublisher(command)
    else if (command.trusted) this.#mustBeTrusted(command)
  }

  #mustBePublisher(command: Pick<Command, 'name'>): void {
    const { kind, grants } = this.caller
    if (!grants.publish.isEmpty) return
    if (kind === 'anonymous') throw this.#untrusted(command)
    throw new RedisError(`NOPERM this user has no permissions to run the '${command.name}' command`)
  }

  #mustBeTrusted(command: Pick<Command, 'name'>): void {
    const { kind, grants } = this.caller
    if (kind === 'trusted' || grants.manage) return
    // With the password it may do what a trusted peer may.
    if (kind === 'key' && this.#known?.key === undefined) return
    throw this.#untrusted(command)
  }

  #untrusted({ name }: Pick<Command, 'name'>): RedisError {
    return new RedisError(
      `NOPERM this user has no permissions to run the '${name}' command: only trusted peers ` +
        `may without a key; trustedPeers does not name ${shownAddress(this.#peer) || 'this address'}`,
    )
  }
}
