/**
 * Signs that whoever connects speaks another protocol. A page in a browser, or a server that fetches what
 * it is told to, can be made to connect to any port; it must not publish there in its user's name.
 */

/** With this byte begins a TLS handshake (RFC 8446, section 5.1). */
export const TLS_HANDSHAKE = 0x16

const REQUEST_LINE = /^(?:[A-Z]+ [^ ]+ HTTP\/\d|[^ ]+ [^ ]+ HTTP\/\d(?:\.\d)?\r$)/

/** Whether a line, without its LF, opens an HTTP request (RFC 9112, section 3). */
export function isRequestLine(line: string): boolean {
  return REQUEST_LINE.test(line)
}
