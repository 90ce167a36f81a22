import type { Target } from './engine.ts'
import { CONFIG } from './targets/config.ts'
import { HTTP } from './targets/http.ts'
import { JSONS } from './targets/json.ts'
import { LINES } from './targets/lines.ts'
import { MODEL } from './targets/model.ts'
import { REDIS } from './targets/redis.ts'
import { ACCESS } from './targets/access.ts'
import { NET } from './targets/net.ts'
import { TOKENS } from './targets/tokens.ts'
import { WEBHOOKS } from './targets/webhooks.ts'

/** All parsers that are fuzzed by themselves. */
export const PARSERS: readonly Target[] = [
  ...HTTP,
  ...REDIS,
  ...LINES,
  ...JSONS,
  ...WEBHOOKS,
  ...CONFIG,
  ...MODEL,
  ...NET,
  ...ACCESS,
  ...TOKENS,
]
