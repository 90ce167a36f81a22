/** The server said no, and would say it again: trying once more is of no use. */
export class RefusedError extends Error {}
