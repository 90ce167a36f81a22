/**
 * Types of stores whose options are known (hbpush's files use them) but which do not run yet. The
 * issue that builds one deletes its line here, and nothing else.
 */
export const NOT_BUILT: Readonly<Record<string, string>> = {}
