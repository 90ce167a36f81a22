import { chain, type MaybePromise } from '../model/maybe.ts'
import type { Access } from './access.ts'
import type { Caller } from './caller.ts'

/** Who stands at the other end of a connection: found out once, and again when something else may hold. */
export class Standing {
  readonly access: Access
  readonly #again: () => MaybePromise<Caller>
  #caller: Caller
  #version: number

  /** @param again finds out who it is under what holds then */
  constructor(access: Access, caller: Caller, again: () => MaybePromise<Caller>) {
    this.access = access
    this.#again = again
    this.#caller = caller
    this.#version = access.version
  }

  /** Who it is now. @throws FanfareError when it may not be here any more */
  now(): MaybePromise<Caller> {
    const { version } = this.access
    if (this.#version === version) return this.#caller
    return chain(this.#again(), (caller) => {
      this.#caller = caller
      this.#version = version
      return caller
    })
  }
}
