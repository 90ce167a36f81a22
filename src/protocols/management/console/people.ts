import { bytesToText } from '../../../model/channel.ts'
import type { ConnectionInfo } from '../../../users/contract.ts'
import type { Users } from '../../../users/users.ts'
import type { UserConnectionView, UserList, UserRow, UserView } from './data.ts'

const BY_ID = new Intl.Collator('en', { numeric: true })

/** Everybody of whom anything is known: with a session, a connection, or a subscription. */
export async function listUsers(
  users: Users,
  search: string,
  page: { readonly offset: number; readonly limit: number },
): Promise<UserList> {
  const found = new Set<string>()
  const owners = [users.connected(), users.sessions.users(), users.subscribed()]
  for (const names of await Promise.all(owners)) for (const name of names) found.add(name)
  const wanted = search.toLowerCase()
  const all = [...found].filter((name) => name.toLowerCase().includes(wanted))
  all.sort((a, b) => BY_ID.compare(a, b))
  const offset = Math.min(page.offset, all.length)
  const shown = all.slice(offset, offset + page.limit)
  const counts = await users.countsOf(shown)
  const rows = shown.map((user, index): UserRow => Object.assign({ user }, counts[index]))
  return { total: all.length, offset, rows }
}

/** Where clients reach the node is of no interest here. */
function shownConnection({ id, door, peer, since, node }: ConnectionInfo): UserConnectionView {
  return { id, door, peer, since, node }
}

export async function viewUser(users: Users, user: string): Promise<UserView> {
  const [there, connections, sessions, subscriptions] = await Promise.all([
    users.isThere(user),
    users.connectionsOf(user),
    users.sessions.list(user),
    users.subscriptionsOf(user),
  ])
  return {
    user,
    there,
    sessions,
    connections: connections.map(shownConnection),
    subscriptions: subscriptions.map(bytesToText),
  }
}
