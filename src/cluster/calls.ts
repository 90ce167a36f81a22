import { randomBytes } from 'node:crypto'
import { asFanfareError, type ErrorCode, ERRORS, FanfareError } from '../model/errors.ts'

/** Calls that this node waits for at once. */
const MAX_WAITING = 100

type Handler = (argument: unknown) => Promise<unknown>

interface Call {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly call: string
  readonly argument: unknown
}

interface Answer {
  readonly re: string
  readonly to: string
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly help?: string }
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * One node asks another to do something, by way of Redis: no node needs to reach another's ports, or know its
 * keys. A question or an answer may be lost with a connection; then the asker is told that none came.
 */
export class Calls {
  readonly #me: string
  readonly #say: (words: string) => Promise<void>
  readonly #handlers: Readonly<Record<string, Handler>>
  readonly #report: (error: unknown) => void
  readonly #waiting = new Map<string, Waiting>()

  /** @param me unlike any other life of any node */
  constructor(
    me: string,
    say: (words: string) => Promise<void>,
    handlers: Readonly<Record<string, Handler>>,
    report: (error: unknown) => void,
  ) {
    this.#me = me
    this.#say = say
    this.#handlers = handlers
    this.#report = report
  }

  /**
   * @param to a life of a node
   * @param wait ms
   * @throws FanfareError as the other one gives it; `store_unavailable` when no answer comes
   */
  async ask(to: string, call: string, argument: unknown, wait: number): Promise<unknown> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw new FanfareError('store_unavailable', 'This node waits for too many others already.')
    }
    const id = randomBytes(9).toString('base64url')
    const question: Call = { id, from: this.#me, to, call, argument }
    let timer: NodeJS.Timeout | undefined
    try {
      const answered = new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        timer = setTimeout(() => reject(noAnswer(to, wait)), wait)
      })
      answered.catch(() => {})
      await this.#say(JSON.stringify(question))
      return await answered
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  /** What some node said to all. */
  heard(words: string): void {
    let said: Call | Answer | null
    try {
      said = JSON.parse(words) as Call | Answer | null
    } catch {
      // Not from a node.
      return
    }
    if (said?.to !== this.#me) return
    if ('re' in said) this.#answered(said)
    else this.#called(said).catch(this.#report)
  }

  #answered({ re, result, error }: Answer): void {
    const waiting = this.#waiting.get(re)
    if (!error) waiting?.resolve(result)
    else {
      const code = (Object.hasOwn(ERRORS, error.code) ? error.code : 'internal') as ErrorCode
      waiting?.reject(new FanfareError(code, error.message, error.help))
    }
  }

  async #called({ id, from, call, argument }: Call): Promise<void> {
    let answer: Answer
    try {
      const handler = Object.hasOwn(this.#handlers, call) ? this.#handlers[call] : undefined
      if (!handler) throw new FanfareError('unknown_method', `This node knows no ${call}.`)
      answer = { re: id, to: from, result: await handler(argument) }
    } catch (thrown) {
      const error = asFanfareError(thrown)
      if (error !== thrown) this.#report(thrown)
      const { code, message, help } = error
      answer = {
        re: id,
        to: from,
        error: { code, message, ...(help === undefined ? {} : { help }) },
      }
    }
    await this.#say(JSON.stringify(answer))
  }
}

function noAnswer(to: string, wait: number): FanfareError {
  const [node] = to.split(' ')
  return new FanfareError(
    'store_unavailable',
    `Node ${node} did not answer within ${wait / 1000} s.`,
  )
}
