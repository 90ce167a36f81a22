import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { MaybePromise } from '../../src/model/maybe.ts'

export type Question = Readonly<Record<string, unknown>>

/** The operator's own program. @param answer a status and a body; never answers with undefined */
export async function backend(
  answer: (question: Question) => MaybePromise<[number, unknown] | undefined>,
) {
  const asked: Question[] = []
  const server = createServer((incoming, outgoing) => {
    void text(incoming).then(async (body) => {
      const question = JSON.parse(body) as Question
      asked.push(question)
      const [status, said] = (await answer(question)) ?? []
      if (status === undefined) return
      outgoing.statusCode = status
      outgoing.end(said === undefined ? '' : typeof said === 'string' ? said : JSON.stringify(said))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}
