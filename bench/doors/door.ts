/**
 * A door, as the load generator sees it: how to get in, how to publish, how to tell one message
 * from the next. All of it is bytes and pure functions; sockets live in bench/driver.
 */

/** The server answered, but not as the door's description says it should. */
export class WireError extends Error {
  override name = 'WireError'
}

/** One exchange of a handshake: send these bytes, if any, then wait for the end of the reply. */
export interface Step {
  /** A function where it depends on what was answered before; it may say that there is nothing to send. */
  readonly send?: Uint8Array | (() => Uint8Array | undefined)
  /**
   * Looks at all bytes that came since `send`. Returns the offset just past the reply, -1 while it is incomplete; always 0 where nothing is waited for. MUST throw a WireError when the server
   * refused.
   */
  end(received: Buffer): number
}

/** Counts the replies to publishes on one connection; keeps what a reply cut in two needs. */
export interface ReplyReader {
  /** How many replies were completed by `bytes[from, to)`. MUST throw a WireError on a refusal. */
  take(bytes: Buffer, from: number, to: number): number
}

/** How one message is published. */
export interface PublishForm {
  /** Exchanges made once for a channel before anyone subscribes, such as creating it. */
  prepare(channel: string): readonly Step[]
  /** Exchanges that open each publishing connection. */
  greet(): readonly Step[]
  /** One request. It MUST hold `body` verbatim: the driver stamps copies of the request in place. */
  request(channel: string, body: Buffer): Buffer
  replies(): ReplyReader
  /** True where the server closes after each reply, so that each request needs a connection. */
  readonly oneShot?: boolean
  /** True where nothing answers a publish: what was sent counts as taken, and deliveries set the pace. */
  readonly unanswered?: boolean
}

/**
 * One client that comes back after its connection broke, and goes on where it was. It remembers its
 * cursor from what came, as its protocol's own clients do.
 */
export interface Session {
  /** Exchanges that open its connection, the first time and each time that it comes back. */
  connect(): readonly Step[]
  /** What to send once connected, if anything: doors that are asked for each message. */
  ask?(): Uint8Array | undefined
  /** How long the server has told it to wait before it comes back, in ms; undefined: as its clients do by themselves. */
  told?(): number | undefined
  /** Looks at the next bytes that came; returns what to send for them, if anything. */
  take(bytes: Buffer, from: number, to: number): Uint8Array | undefined
}

/** How a door's clients come back. */
export interface Returning {
  /** A client of this channel. */
  session(channel: string): Session
  /** Its own clients' wait before try number `attempt` (from 0) after the connection broke, in ms. */
  backoff(attempt: number): number
  /** True where a cursor is a time, so that a client is sent again what it may have had already. */
  readonly doubles?: boolean
}

interface DoorBase {
  /** What people call it, in tables and plots. */
  readonly label: string
  /** Which of the server's ports subscribers use; `main` unless the peer names more. */
  readonly port: string
  /** Which port publishers use. */
  readonly publishPort: string
  readonly publish: PublishForm
  /** Absent where a client that comes back begins anew, or has no connection to lose. */
  readonly returning?: Returning
}

/** A door that keeps the connection and sends every message on it: SSE, WebSocket, plain TCP. */
export interface StreamDoor extends DoorBase {
  readonly kind: 'stream'
  /**
   * Exchanges that open a subscription. After the last one, everything received is framing and
   * bodies, and the marker byte (driver/body.ts) MUST NOT occur in the framing.
   */
  subscribe(channel: string): readonly Step[]
  /** Handshakes that may be under way at once where the server refuses more. */
  readonly openingAtOnce?: number
  /** False where subscribers may see the messages of several publishers in different orders. */
  readonly commonOrder?: boolean
  /** The same for everything whose name begins with `prefix`, which ends with a `/`. */
  subtree?(prefix: string): readonly Step[]
  /** The same for several channels on one connection. */
  several?(channels: readonly string[]): readonly Step[]
  /** What a client must say to what came, such as the answer to a ping; looked at in short reads only. */
  answer?(bytes: Buffer, from: number, to: number): Uint8Array | undefined
  /**
   * True where the server drops for a subscriber that does not keep up: no more may be under way than it
   * takes, so publishers wait for deliveries, not for replies.
   */
  readonly drops?: boolean
  /** Messages that may be under way where deliveries set the pace; 256 unless given. */
  readonly underWay?: number
  /** The same for a subscriber that comes back: from this unix time on, in seconds. */
  resume?(channel: string, since: number): readonly Step[]
}

/** One complete answer to a poll. */
export interface PollReply {
  /** Its length in bytes, head included. */
  readonly length: number
  /** Offset of the message's body in it. */
  readonly body: number
  /** What the next request must carry; opaque to the driver. */
  readonly cursor: string
}

/** A door where each message answers one waiting request, and the client asks again. */
export interface PollDoor extends DoorBase {
  readonly kind: 'poll'
  /** The request for the message after `cursor`, or the first one, without a cursor. */
  request(channel: string, cursor: string | undefined): Buffer
  /** The answer at the start of `received`, or undefined while incomplete. Throws on a refusal. */
  read(received: Buffer): PollReply | undefined
}

export type Door = StreamDoor | PollDoor
