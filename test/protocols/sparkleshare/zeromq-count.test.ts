/** Connections of ZeroMQ among those of the server. */
import { Push, Subscriber } from 'zeromq'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChannelName } from '../../../src/model/channel.ts'
import { RawClient } from '../../support/raw.ts'
import { until } from '../../support/wait.ts'
import { newVersion, startSparkleshare, ZEROMQ } from './sparkleshare-client.ts'

describe('connections of ZeroMQ', () => {
  it('are counted while they are there', async () => {
    const { server, broadcast, command } = await startSparkleshare(ZEROMQ)
    const listener = new Subscriber({ linger: 0 })
    listener.connect(`tcp://127.0.0.1:${broadcast}`)
    listener.subscribe('a')
    const speaker = new Push({ linger: 0 })
    speaker.connect(`tcp://127.0.0.1:${command}`)

    await until(() => server.openConnections === 2, 'both are there')
    listener.close()
    speaker.close()
    await until(() => server.openConnections === 0, 'both are gone')
  })

  it('that would be too many bring no commands', async () => {
    const limits = 'limits: { maxConnections: 2, handshakeTimeout: 500ms }'
    const { server, tcp, command } = await startSparkleshare(ZEROMQ, limits)
    const others = [await RawClient.connect(tcp), await RawClient.connect(tcp)]
    await until(() => server.openConnections === 2, 'it is full')
    const speaker = new Push({ linger: 0, reconnectInterval: 50 })
    onTestFinished(() => speaker.close())
    const refused = new Promise((resolve) => speaker.events.on('disconnect', resolve))
    speaker.connect(`tcp://127.0.0.1:${command}`)
    void speaker.send(newVersion('a', 'c0ffee')).catch(() => {})

    await refused
    expect(await server.hub().stat('a' as ChannelName)).toBeUndefined()

    for (const other of others) other.close()
    const known = async (): Promise<boolean> =>
      (await server.hub().stat('a' as ChannelName)) !== undefined
    while (!(await known())) await new Promise((resolve) => setTimeout(resolve, 5))
  })
})
