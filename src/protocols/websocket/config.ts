import type { ConfigFragment } from '../../config/schema.ts'
import { corsOptions } from '../../http/cors.ts'

export const websocketConfig: ConfigFragment = {
  locationTypes: { websocket: corsOptions },
  defaultLocations: [{ type: 'websocket', prefix: '/ws/' }],
}
