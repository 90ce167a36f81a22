/** How connections come in: TLS, and what a proxy says of whom it speaks for. For every port. */
import { type Static, Type } from 'typebox'
import type { EntranceSettings } from '../net/entrance.ts'

const file = (description: string, name: string) =>
  Type.String({ description, minLength: 1, examples: [`/etc/fanfare/${name}.pem`] })

const tlsOptions = Type.Object(
  {
    cert: file(
      'File (PEM) of the certificate, with those that lead from it to a known authority.',
      'cert',
    ),
    key: file('File (PEM) of the key of `cert`.', 'key'),
    sni: Type.Array(
      Type.Object(
        {
          cert: file('File (PEM) of the certificate.', 'example.org'),
          key: file('File (PEM) of its key.', 'example.org-key'),
          names: Type.Optional(
            Type.Array(Type.String({ minLength: 1 }), {
              description:
                'Names that it is shown for, also as `*.example.org`. Its own unless given.',
              examples: [['example.org', '*.example.org']],
            }),
          ),
        },
        { additionalProperties: false },
      ),
      {
        description: 'Certificates for clients that ask for other names (SNI).',
        default: [],
        examples: [
          [{ cert: '/etc/fanfare/example.org.pem', key: '/etc/fanfare/example.org-key.pem' }],
        ],
      },
    ),
    ca: Type.Optional(
      file('File (PEM) of the authorities that sign certificates of clients.', 'clients-ca'),
    ),
    clientCertificates: Type.Union(
      [Type.Literal('none'), Type.Literal('request'), Type.Literal('require')],
      {
        description:
          'Whether clients are asked for a certificate that `ca` has signed. With `request` they may ' +
          'have none; a wrong one is refused in any case.',
        default: 'none',
      },
    ),
    minVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
      description: 'The oldest version of TLS that is spoken.',
      default: 'TLSv1.2',
    }),
  },
  { additionalProperties: false },
)

const EXAMPLE = { cert: '/etc/fanfare/cert.pem', key: '/etc/fanfare/key.pem' }

/** The top-level key. */
export const tlsKey = Type.Union([Type.Literal(false), tlsOptions], {
  description:
    'TLS on every TCP port: `cert` and `key`, files that are read again when they change. A door may ' +
    'have its own, or `tls: false`. ZeroMQ has none. See docs/operations.md.',
  default: false,
  examples: [EXAMPLE],
})

const PROXY_PROTOCOL =
  'Whether every connection begins with a PROXY header (version 1 or 2), whose address counts as the ' +
  "peer's. Only those that `trustedProxies` names may connect then."

/** The top-level key, which is for the main port. */
export const proxyProtocolKey = Type.Boolean({
  description: `${PROXY_PROTOCOL} For the main port; other doors have their own.`,
  default: false,
})

/** What each door with a port of its own takes. */
export const entranceOptions = {
  tls: Type.Optional(
    Type.Union([Type.Literal(false), tlsOptions], {
      description:
        'TLS on this port: as the top-level `tls`, which holds unless given; false = none.',
      examples: [EXAMPLE],
    }),
  ),
  proxyProtocol: Type.Boolean({ description: PROXY_PROTOCOL, default: false }),
}

export type TlsConfig = Static<typeof tlsOptions>

interface OwnEntrance {
  readonly tls?: false | TlsConfig | undefined
  readonly proxyProtocol: boolean
}

/** What holds at a door. @param config of the whole server */
export function entranceOf(
  door: OwnEntrance,
  config: { readonly tls: false | TlsConfig },
): EntranceSettings {
  return { tls: door.tls ?? config.tls, proxyProtocol: door.proxyProtocol }
}
