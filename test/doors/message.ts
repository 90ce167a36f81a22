/** The ports of a server with every door open. */
export interface Ports {
  readonly main: number
  readonly feed: number
  readonly fanout: number
  readonly redis: number
  /** SparkleShare's TCP, and ZeroMQ's two. */
  readonly sparkleshare: number
  readonly broadcast: number
  readonly command: number
}

/** What was published, as every door is to show it. */
export interface Expected {
  /** What people read. */
  readonly body: string
  readonly type?: string
  /** What programs read, where it was published beside the body. */
  readonly data?: string
  /** Some of the attributes. */
  readonly attributes?: Readonly<Record<string, string>>
}
