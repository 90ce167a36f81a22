import { WebSocket } from 'ws'

/** Who writes frames beside `ws`: behind a close frame nothing more may come (RFC 6455, section 5.5.1). */
export interface FrameWriter {
  /** A close frame is about to be written, by whoever wants the connection to end. */
  closing(): void
}

/**
 * A WebSocket that tells its writer that it closes. To ask it before each frame would cost a look at far
 * memory for each connection.
 */
export class ClosingWebSocket extends WebSocket {
  writer: FrameWriter | undefined

  override close(code?: number, reason?: string | Buffer): void {
    this.writer?.closing()
    super.close(code, reason)
  }

  override terminate(): void {
    this.writer?.closing()
    super.terminate()
  }
}
