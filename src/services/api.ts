import type { ServiceDefinition } from './definition.ts'
import { SERVICES } from './definitions/index.ts'

let text: string | undefined

/** `GET /api`, as socket-push had it: what its generators and pages are made from. */
export function apiText(): string {
  text ??= JSON.stringify(api())
  return text
}

interface ApiMethod {
  readonly params: readonly { readonly name: string; readonly type: string }[]
  readonly description: string
}

/** Services, their methods, and what must be given to each, in order. */
export function api(): Record<string, Record<string, ApiMethod>> {
  const services: [string, ServiceDefinition][] = Object.entries(SERVICES)
  return Object.fromEntries(
    services.map(([service, { methods }]) => [
      service,
      Object.fromEntries(
        Object.entries(methods).map(([name, { params, description }]) => [
          name,
          {
            params: params
              .filter(({ optional }) => !optional)
              // It knew three types; a user was a number.
              .map((param) => ({
                name: param.name,
                type: param.type === 'user' ? 'number' : param.type,
              })),
            description,
          },
        ]),
      ),
    ]),
  )
}
