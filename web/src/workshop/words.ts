// Numbers and times as a reader wants them.

export const whole = (n: number) => n.toLocaleString('en')

/** Four digits at most. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const text = size >= 100_000 || (size > 0 && size < 0.001) ? value.toExponential(1).replace('e+', 'e') : size >= 100 ? whole(Math.round(value)) : String(Number(value.toPrecision(3)))
  return text.replace('-', '−')
}

/** A skill, with two decimals. */
export const hundredths = (skill: number) => (skill < -9.99 ? '< −10' : skill.toFixed(2).replace(/^-(?=0\.00$)/, '').replace('-', '−'))

/** 2 h 5 min, 3 min 20 s, 12 s */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s >= 172_800) return `${Math.round(s / 86_400)} days`
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  if (s >= 60) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ''}`
  return `${s} s`
}

/** Of a time in seconds since 1970. */
export function ago(then: number, now: number): string {
  const s = now - then
  if (s < 60) return 'just now'
  if (s < 3600) return `${Math.floor(s / 60)} min ago`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`
  if (s < 172_800) return 'yesterday'
  return new Date(then * 1000).toLocaleDateString('en', { day: 'numeric', month: 'short', year: s > 15_000_000 ? 'numeric' : undefined })
}

export function bytes(n: number | null): string {
  if (n === null) return ''
  if (n < 1000) return `${n} B`
  const k = Math.min(4, Math.floor(Math.log10(n) / 3))
  return `${Number((n / 1000 ** k).toPrecision(2))} ${['', 'kB', 'MB', 'GB', 'TB'][k]}`
}

/** The round of a preview or checkpoint, by its name. */
export const roundOf = (file: string) => Number(file.split('.')[0])

/** A setting's value as a line. */
export const plain = (value: unknown): string => (value === null ? 'none' : Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'object' ? JSON.stringify(value) : String(value))

export const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

export const said = (error: unknown) => (error instanceof Error ? error.message : String(error))
