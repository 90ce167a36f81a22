/** An answer that says no, in the original's form: a status line, an empty line, words. Then it closes. */
export class Refusal extends Error {
  readonly bytes: Buffer

  /**
   * @param status number and words, as they stand in the status line
   * @param words with their own line end, where there is one
   * @param header lines, each with its end
   */
  constructor(status: string, words: string, header = '') {
    super(words.trim())
    this.bytes = Buffer.from(`HTTP/1.1 ${status}\r\n${header}\r\n${words}`)
  }
}

// These four are GitPubSub's own, byte for byte.
export const NO_REQUEST = new Refusal('400 Bad request', 'Bad request sent!')
export const NO_METHOD = new Refusal('400 Bad request!', 'Bad request :(\r\n')
export const TIMED_OUT = new Refusal('400 Bad request', 'Request timed out :(\r\n')
export const DENIED_WORDS = 'Only trusted sources may send data!'

export const NOT_TLS = new Refusal('400 Bad request', 'This port speaks TLS: use https :(\r\n')
