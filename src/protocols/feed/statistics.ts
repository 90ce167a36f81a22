/** What HEAD tells. */
export interface Statistics {
  /** Seconds since the start. */
  readonly uptime: number
  readonly subscribers: number
  /** Connections since the start. */
  readonly connections: number
  /** Bytes since the start, those of open connections included. */
  readonly received: number
  readonly sent: number
}

/** GitPubSub's answer; `X-Connections` is what clients before 0.9 look for. */
export function statisticsReply(statistics: Statistics): Buffer {
  const { uptime, subscribers, connections, received, sent } = statistics
  return Buffer.from(
    'HTTP/1.1 200 OK\r\nServer: GitPubSub/0.9\r\nContent-Length: 0\r\nConnection: keep-alive\r\n' +
      `X-Uptime: ${Math.floor(uptime)}\r\nX-Subscribers: ${subscribers}\r\n` +
      `X-Connections: ${subscribers}\r\nX-Total-Connections: ${connections}\r\n` +
      `X-Received: ${received}\r\nX-Sent: ${sent}\r\n\r\n`,
  )
}
