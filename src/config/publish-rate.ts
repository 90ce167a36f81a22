import { Type } from 'typebox'

/** Messages in a time. */
function rate(description: string) {
  return Type.Union(
    [Type.Literal(0), Type.String({ pattern: '^\\s*\\d+\\s*/\\s*[smh]\\s*(burst\\s+\\d+\\s*)?$' })],
    {
      description: `${description} As \`100/s\` (or /m, /h), with \`burst 500\` behind it for more at once; 0 = any.`,
      default: 0,
      examples: ['100/s', '600/m burst 100'],
    },
  )
}

/** `limits.publishRate` */
export const publishRate = Type.Object(
  {
    perAddress: rate(
      'Messages that one address (of IPv6: one /64 network) may publish; trusted peers have no such bound.',
    ),
    perKey: rate('Messages that may be published with one key, or by one user.'),
    perChannel: rate('Messages that all together may publish to one channel.'),
    maxBuckets: Type.Integer({
      description:
        'Addresses, keys and channels whose rates are known at most, of each; the longest unused ' +
        'is forgotten.',
      default: 100_000,
      minimum: 1,
    }),
  },
  {
    description:
      'How fast may be published. What is too fast is refused with 429 and Retry-After over HTTP, ' +
      "and in each door's own words elsewhere.",
    additionalProperties: false,
    default: {},
  },
)
