import { beforeAll } from 'vitest'
import { type RealRedis, startRedis } from './rig.ts'
import { RedisStore } from '../../../src/stores/redis/redis-store.ts'
import { REDIS_DEFAULTS } from '../../../src/stores/redis/options.ts'
import { storeContract } from '../contract.ts'

let redis: RealRedis
let opened = 0

beforeAll(async () => {
  redis = await startRedis()
  return () => redis.end()
})

storeContract(
  'RedisStore',
  async (limits, clock) => {
    const store = new RedisStore(
      {
        connection: { ...REDIS_DEFAULTS.connection, host: '127.0.0.1', port: redis.port },
        keyPrefix: `contract-${++opened}:`,
        limits: { ...REDIS_DEFAULTS.limits, ...limits },
        maxSkew: undefined,
        report: (text) => {
          throw new Error(`nothing should be reported: ${text}`)
        },
      },
      clock,
    )
    return { store, close: () => store.close() }
  },
  { overflow: 'two million round trips take long; nodes.test.ts has it' },
)
