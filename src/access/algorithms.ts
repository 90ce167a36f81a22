import type { KeyObject } from 'node:crypto'

const CURVES = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

/** The signatures of JSON Web Tokens (RFC 7518) that a public key can verify; none when it is of another kind. */
export function algorithmsOf({
  asymmetricKeyType: type,
  asymmetricKeyDetails: details,
}: KeyObject): readonly string[] {
  if (type === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  const curve = type === 'ec' ? CURVES.get(details?.namedCurve ?? '') : undefined
  return curve === undefined ? [] : [curve]
}
