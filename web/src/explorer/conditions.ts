// What rows are asked to be, as a page edits it and as the studio is asked.

import type { Column } from './ask'

export interface Condition {
  column: string
  sign: string
  value: string
  /** the upper end, where it lies between */
  upper: string
}

const NUMBERS = ['integer', 'real', 'date']
const MISSING: [string, string][] = [['missing', 'is missing'], ['present', 'is not missing']]

export const isNumber = (column: Column | undefined): boolean => NUMBERS.includes(column?.kind ?? '')

/** Values to choose from; none where anything may be written. */
export function choices(column: Column | undefined): string[] {
  if (isNumber(column)) return []
  return column?.values.length ? column.values : column?.kind === 'boolean' ? ['true', 'false'] : []
}

export function signs(column: Column | undefined): [string, string][] {
  const equal: [string, string][] = [['=', 'is'], ['!=', 'is not']]
  return isNumber(column) ? [['between', 'is between'], ['>=', 'is at least'], ['<=', 'is at most'], ...equal, ...MISSING] : [...equal, ...MISSING]
}

export function fresh(column: Column): Condition {
  return { column: column.name, sign: signs(column)[0][0], value: choices(column)[0] ?? '', upper: '' }
}

/** What is not filled in yet asks for nothing. */
export function asked(conditions: Condition[]): string[] {
  return conditions.flatMap(({ column, sign, value, upper }) => {
    if (sign === 'missing') return [`${column}=`]
    if (sign === 'present') return [`${column}!=`]
    if (sign === 'between') return [value !== '' && `${column}>=${value}`, upper !== '' && `${column}<=${upper}`].filter((text) => text !== false)
    return value === '' ? [] : [`${column}${sign}${value}`]
  })
}
