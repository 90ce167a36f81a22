import type { ServiceDefinition } from './definition.ts'
import { SERVICES } from './definitions/index.ts'

/**
 * `GET /api`, as socket-push had it: what its generators and pages are made from.
 * @param carried whether a service is to be in it; all are unless given
 */
export function apiText(carried?: (service: string) => boolean): string {
  return JSON.stringify(api(carried))
}

interface ApiMethod {
  readonly params: readonly { readonly name: string; readonly type: string }[]
  readonly description: string
}

/** Services, their methods, and what must be given to each, in order. */
export function api(
  carried: (service: string) => boolean = () => true,
): Record<string, Record<string, ApiMethod>> {
  const all: [string, ServiceDefinition][] = Object.entries(SERVICES)
  const services = all.filter(([service]) => carried(service))
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
