import { createHmac } from 'node:crypto'

/** Tests' secret for tokens, to be named in `users.jwt`. */
export const SECRET = 'a secret of more than thirty-two bytes'

/** A token with these claims. */
export function token(claims: object): string {
  const parts = [{ alg: 'HS256' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const text = parts.join('.')
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`
}
