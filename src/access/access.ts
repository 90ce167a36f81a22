import { bytesToText, type ChannelName } from '../model/channel.ts'
import { FanfareError } from '../model/errors.ts'
import { all, chain, type MaybePromise } from '../model/maybe.ts'
import type { Selectors } from '../model/selector.ts'
import { type Caller, shownCaller } from './caller.ts'
import { credentialOf, mayShow } from './credential.ts'
import { Expiries } from './expiries.ts'
import { Grants } from './grants.ts'
import type { HookEvent } from './hook.ts'
import { type AccessSettings, callerOfKey, Identities } from './identity.ts'
import { introduced } from './introduced.ts'
import type { Rates } from './rates.ts'
import { mayNot, mustBeAllowed, shown, upper, wrongHost } from './refusals.ts'
import { type Credentials, isForeign, Trust } from './trust.ts'

/** A request over HTTP, as far as it says who asks. */
export interface Asker extends Credentials {
  /** As sent, without the `?`. */
  readonly query?: string
}

/** There is nothing to be called. */
export const NOTHING = (): void => {}

/**
 * Who asks, and what that one may do: the same for all doors. A door finds out who asks once for each request or
 * connection (`identify`), and asks once for each publish and each subscription whether that may be; nothing is asked
 * for each delivery.
 */
export class Access {
  readonly #trust: Trust
  readonly #onError: (error: unknown) => void
  readonly #open = new Expiries()
  readonly #rates: Rates | undefined
  #identities: Identities
  /** Who follows without a key, where it makes no difference whether that is a trusted peer. */
  #anyone: Caller | undefined
  #version = 0
  /** Who was asked for last: those who come one after the other come mostly from one place, and share it. */
  #lastPeer:
    | { readonly address: string; readonly version: number; readonly caller: Caller }
    | undefined

  /** @throws Error when keys cannot be read */
  constructor(settings: AccessSettings, onError: (error: unknown) => void, rates?: Rates) {
    this.#onError = onError
    this.#rates = rates
    this.#trust = new Trust(settings.trustedPeers, settings.trustedProxies)
    this.#identities = new Identities(settings, onError)
    this.#anyone = anyoneOf(this.#identities)
  }

  /**
   * Looks whether another configuration can hold.
   * @returns what makes it hold, also for connections that are open
   * @throws Error when keys cannot be read
   */
  prepare(settings: AccessSettings): () => void {
    const next = new Identities(settings, this.#onError)
    return () => {
      this.#identities.ring.close()
      this.#identities = next
      this.#anyone = anyoneOf(next)
      this.#trust.update(settings.trustedPeers, settings.trustedProxies)
      this.#version++
      this.watchKeys()
    }
  }

  /** Looks from now on whether the file of keys changes. */
  watchKeys(): void {
    const { ring } = this.#identities
    const changed = (): void => {
      this.#version++
      this.#endRevoked()
    }
    ring.watch(changed, this.#onError)
  }

  #endRevoked(): void {
    const { keys } = this.#identities.ring
    this.#open.endWhere(
      ({ key }) => key !== undefined && !keys.holds(key),
      () => 'The key was revoked.',
    )
  }

  stop(): void {
    this.#identities.ring.close()
    this.#open.stop()
  }

  /** Another number once something else may hold, such as who is trusted: what is remembered is to be asked anew. */
  get version(): number {
    return this.#version
  }

  /** Whether there is any key that may manage, so that a port may be opened to more than this machine. */
  get hasManager(): boolean {
    return this.#identities.ring.keys.records.some(
      ({ manage, revoked, expires }) =>
        manage && revoked === undefined && (expires === undefined || expires > Date.now()),
    )
  }

  // --- who asks ---

  /** The address that a request speaks for; undefined when that cannot be known. */
  clientOf(request: Credentials): string | undefined {
    return this.#trust.clientOf(request)
  }

  /**
   * Who asks over HTTP. What it shows decides; without that, its address.
   * @param origins origins of pages that may publish although they are not this server's own
   * @throws FanfareError `not_authorized` for what is shown and is not valid; `bad_request`, `access_unavailable`,
   * `wrong_host`
   */
  identify(request: Asker, origins: readonly string[] = []): MaybePromise<Caller> {
    this.#mustBeMeant(request, origins)
    return this.#identified(request, origins)
  }

  /**
   * Who wants to follow over HTTP: as `identify`, without a look at who is trusted where that makes no difference.
   * @param origins origins of pages that may read
   * @throws FanfareError as `identify`
   */
  identifyFollower(request: Asker, origins: readonly string[] = []): MaybePromise<Caller> {
    this.#mustBeMeant(request, origins)
    return this.#anyone && !mayShow(request) ? this.#anyone : this.#identified(request, [])
  }

  #identified(request: Asker, origins: readonly string[]): MaybePromise<Caller> {
    const credential = credentialOf(request)
    if (!credential) return this.#byAddress(request, origins)
    const { secret, ambient } = credential
    const caller = this.#identities.of(secret)
    // What a browser sends by itself does not tell that the page knows it.
    if (!ambient || !isForeign(request, origins)) return caller
    return chain(caller, (known): Caller => ({ ...known, foreign: true }))
  }

  /** What somebody knows who shows it was not pointed here. @throws FanfareError `wrong_host`, or as `credentialOf` */
  #mustBeMeant(request: Asker, origins: readonly string[]): void {
    if (this.#trust.mayBeRebound(request, origins) && !credentialOf(request)) {
      throw wrongHost(request)
    }
  }

  /**
   * Who is meant by a key or a token.
   * @param secret one character a byte
   * @throws FanfareError `not_authorized`, `access_unavailable`
   */
  identifySecret(secret: string): MaybePromise<Caller> {
    return this.#identities.of(secret)
  }

  /**
   * Who is meant by a public key of CURVE, once it was shown that the secret half is there.
   * @param publicKey in Z85
   * @throws FanfareError `not_authorized`
   */
  identifyCurve(publicKey: string): Caller {
    return this.#identities.curve(publicKey)
  }

  /**
   * Who has a key of this name, for people who ask what that may do.
   * @returns undefined when there is none that holds
   */
  identifyKeyNamed(name: string): Caller | undefined {
    const record = this.#identities.ring.keys.records.find(
      (one) => one.name === name && one.revoked === undefined,
    )
    return record && callerOfKey(record)
  }

  /** Whether the operator's own program is asked, too. */
  isAsked(event: HookEvent): boolean {
    return this.#identities.hook?.asksOn(event) ?? false
  }

  /** A trusted peer whose address is not known any more: it was asked for as it connected. */
  trustedPeer(): Caller {
    return this.#trusted('of a door that asks as it connects')
  }

  /** Whether whoever comes may follow whatever there is. */
  get isOpenToAll(): boolean {
    return this.mayFollowAll(this.#unknown('', ''))
  }

  /** Who stands at the other end of a socket that carries nothing else to tell it by. */
  identifyPeer(peer: string): Caller {
    const last = this.#lastPeer
    if (last?.address === peer && last.version === this.#version) return last.caller
    const caller = this.#trust.trusts(peer) ? this.#trusted(peer) : this.#unknown(peer, peer)
    this.#lastPeer = { address: peer, version: this.#version, caller }
    return caller
  }

  /** A user who has logged in with a session of its own. */
  identifyUser(user: string): Caller {
    return this.#identities.user('session', { user, expires: undefined })
  }

  /** Somebody who was identified before, under what holds now. */
  refreshed(caller: Caller): Caller {
    const { users } = this.#identities
    return caller.grants.source === users.source ? { ...caller, grants: users } : caller
  }

  /** Whether there is anything to verify tokens by. */
  get takesTokens(): boolean {
    return this.#identities.takesTokens
  }

  /** A delivery that was signed as its hook asks for: what that publishes is what the hook is for. */
  signedBy(hook: string): Caller {
    return { kind: 'webhook', name: hook, grants: ANYTHING }
  }

  /** Whoever has said a password that a door of its own has: what that is for is up to the door. */
  passed(name: string): Caller {
    return { kind: 'key', name, grants: ANYTHING }
  }

  #byAddress(request: Asker, origins: readonly string[]): MaybePromise<Caller> {
    const foreign = isForeign(request, origins)
    const client = this.#trust.clientOf(request)
    if (!foreign && client !== undefined && this.#trust.trusts(client)) return this.#trusted(client)
    const unknown = { ...this.#unknown(request.peer, client), foreign }
    const { hook } = this.#identities
    if (!hook?.asksOn('connect')) return unknown
    const headers = Object.fromEntries(
      hook.headers.map((name) => [name.toLowerCase(), request.header(name.toLowerCase())]),
    )
    return introduced(unknown, hook, headers, this.#identities, this.#onError)
  }

  #trusted(client: string): Caller {
    return { kind: 'trusted', name: client, grants: this.#identities.trusted }
  }

  #unknown(peer: string, client: string | undefined): Caller {
    return { kind: 'anonymous', name: peer, peer, client, grants: this.#identities.anonymous }
  }

  /** Whether `trustedPeers` names this address. */
  trusts(address: string): boolean {
    return this.#trust.trusts(address)
  }

  /** Whether `trustedProxies` names this address. */
  isProxy(address: string): boolean {
    return this.#trust.isProxy(address)
  }

  // --- what it may do ---

  /**
   * Whether somebody may publish to a channel. Every publish by every door comes through here.
   * @param messages how many it is about to publish; 0 for what it may do with a channel besides
   * @throws FanfareError saying why not; RateError when it publishes too much
   */
  mustPublish(caller: Caller, channel: ChannelName, messages = 1): MaybePromise<void> {
    this.#mustBeGranted(caller, channel)
    if (this.#rates && messages > 0) {
      const { address, key } = ratedAs(caller)
      this.#rates.mustPublish(address, key, channel, performance.now(), messages)
    }
    return this.#asked('publish', caller, { channels: [bytesToText(channel)] })
  }

  /**
   * Whether somebody may publish messages that go together: all of them, or none.
   * @param channels of each
   * @throws FanfareError likewise
   */
  mustPublishAll(caller: Caller, channels: readonly ChannelName[]): MaybePromise<void> {
    const each = new Set(channels)
    for (const channel of each) this.#mustBeGranted(caller, channel)
    const { address, key } = ratedAs(caller)
    this.#rates?.mustPublishAll(address, key, channels)
    const answers = Array.from(each, (channel) =>
      this.#asked('publish', caller, { channels: [bytesToText(channel)] }),
    )
    return chain(all(answers), () => {})
  }

  #mustBeGranted(caller: Caller, channel: ChannelName): void {
    // A page that has a browser speak for it is told nothing else.
    if (caller.foreign) throw new FanfareError('foreign_origin')
    const { grants, user } = caller
    if (!grants.publish.isEverything && !grants.publish.allow(channel, user)) {
      throw this.#mayNotPublish(caller, channel)
    }
  }

  /**
   * Whether somebody may publish at all: asked before what it sends is read.
   * @throws FanfareError likewise
   */
  mustBePublisher(caller: Caller): void {
    if (caller.foreign) throw new FanfareError('foreign_origin')
    if (caller.grants.publish.isEmpty) throw this.#mayNotPublish(caller, undefined)
  }

  /** Whether somebody may follow whatever there is: then it needs not be asked what that is. */
  mayFollowAll({ grants }: Caller): boolean {
    if (!grants.subscribe.isEverything || !grants.history.isEverything) return false
    return !this.#identities.hook?.asksOn('subscribe')
  }

  /**
   * Whether somebody may follow all of this.
   * @param history whether it gets what was published before, too
   * @throws FanfareError `forbidden`, or `access_unavailable`
   */
  mustFollow(caller: Caller, selectors: Selectors, history: boolean): MaybePromise<void> {
    const { grants, user } = caller
    if (!grants.subscribe.allowAll(selectors, user)) throw mayNot(caller, 'subscribe', selectors)
    if (history && !grants.history.allowAll(selectors, user)) {
      throw mayNot(caller, 'history', selectors)
    }
    if (!this.#identities.hook?.asksOn('subscribe')) return undefined
    const { channels, prefixes, patterns } = selectors
    return this.#asked('subscribe', caller, {
      channels: [...channels, ...prefixes.map((prefix) => prefix || '/')].map(bytesToText),
      ...(patterns.length > 0 ? { patterns: patterns.map(bytesToText) } : {}),
      history,
    })
  }

  /** @throws FanfareError `forbidden` */
  mustSeePresence({ grants, user, ...caller }: Caller, channel: ChannelName): void {
    if (grants.presence.isEverything || grants.presence.allow(channel, user)) return
    const who = shownCaller({ grants, ...caller })
    throw new FanfareError('forbidden', `${upper(who)} may not see who is on ${shown(channel)}.`)
  }

  /**
   * Whether a peer may publish by a door that carries nothing else to tell it by.
   * @throws FanfareError `not_trusted`
   */
  mustBeTrusted(peer: string, channel?: ChannelName): MaybePromise<void> {
    const caller = this.identifyPeer(peer)
    if (caller.kind !== 'trusted') throw this.#trust.refusal(peer, peer)
    return channel === undefined ? undefined : this.mustPublish(caller, channel)
  }

  #mayNotPublish(caller: Caller, channel: ChannelName | undefined): FanfareError {
    if (caller.kind === 'anonymous' && caller.grants.publish.isEmpty) {
      return this.#trust.refusal(caller.peer ?? '', caller.client)
    }
    const what = channel === undefined ? 'publish' : `publish to ${shown(channel)}`
    return new FanfareError('forbidden', `${upper(shownCaller(caller))} may not ${what}.`)
  }

  #asked(
    event: 'subscribe' | 'publish',
    caller: Caller,
    question: Readonly<Record<string, unknown>>,
  ): MaybePromise<void> {
    const { hook } = this.#identities
    if (!hook?.asksOn(event)) return undefined
    const { kind, name, user } = caller
    const who = { kind, name, ...(user === undefined ? {} : { user }) }
    return chain(hook.ask(event, { caller: who, ...question }), (verdict) =>
      mustBeAllowed(verdict, 'forbidden', `${upper(shownCaller(caller))} may not ${event} there.`),
    )
  }

  // --- open connections ---

  /**
   * Ends an open connection when what its client has shown is no longer good.
   * @param end called once, with the reason
   * @returns what is to be called when the connection has closed; `NOTHING` where nothing can end
   */
  watch(caller: Caller, end: (reason: FanfareError) => void): () => void {
    if (caller.expires === undefined && caller.key === undefined) return NOTHING
    const unwatch = this.#open.watch(caller, end)
    // Something was waited for since it was identified, and what was revoked meanwhile is revoked but once.
    if (caller.key !== undefined && !this.#identities.ring.keys.holds(caller.key)) {
      setImmediate(() => this.#endRevoked())
    }
    return unwatch
  }
}

const ANYTHING = new Grants(
  'a door of its own',
  { publish: ['/'], subscribe: ['/'], history: ['/'], presence: ['/'], manage: false },
  true,
)

/** Under what it is counted how much somebody publishes. A trusted peer may stand for many. */
function ratedAs({ kind, peer = '', client = peer, user, key = user }: Caller): {
  readonly address: string
  readonly key: string | undefined
} {
  // Where it is not believed whom a peer speaks for, what stands in its place cannot be chosen.
  return { address: kind === 'trusted' ? '' : client, key }
}

/** Undefined where it depends on who it is. */
function anyoneOf({ anonymous, trusted, hook }: Identities): Caller | undefined {
  const isOpen = [anonymous, trusted].every(
    ({ subscribe, history }) => subscribe.isEverything && history.isEverything,
  )
  if (!isOpen || hook?.asksOn('connect') || hook?.asksOn('subscribe')) return undefined
  return { kind: 'anonymous', name: '', grants: anonymous }
}
