const WHOLE = new Intl.NumberFormat('en')
const ONE = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

export function count(value: number): string {
  return WHOLE.format(Math.round(value))
}

/** How many of a thing. */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? '' : 's'}`
}

/** Something a second: small ones to a tenth. */
export function rate(value: number | null): string {
  if (value === null) return '–'
  return value > 0 && value < 10 ? ONE.format(value) : count(value)
}

export function bytes(value: number): string {
  let size = value
  let unit = 0
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : ONE.format(size)} ${UNITS[unit]}`
}

export function ms(value: number): string {
  return `${value < 10 ? ONE.format(value) : count(value)} ms`
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' })

/** @param time ms since 1970; the day is told when it is not today's */
export function clock(time: number): string {
  const text = CLOCK.format(time)
  return DAY.format(time) === DAY.format(Date.now()) ? text : `${DAY.format(time)} ${text}`
}

/** @param seconds how long */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
