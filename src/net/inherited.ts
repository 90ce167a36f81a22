/** Sockets that a service manager has opened for this process, by what it calls them. */
const sockets = new Map<string, number>()

/** @param opened descriptors that are listened on already, by name */
export function inherit(opened: ReadonlyMap<string, number>): void {
  for (const [name, descriptor] of opened) sockets.set(name, descriptor)
}

/** The descriptor under that name, for whoever asks first. */
export function takeInherited(name: string | undefined): number | undefined {
  const descriptor = name === undefined ? undefined : sockets.get(name)
  if (name !== undefined) sockets.delete(name)
  return descriptor
}
