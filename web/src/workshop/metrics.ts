// Which of several measured numbers stands for a run, and which of several runs is better.

import type { Metric } from './types'

/** The one that is shown where there is room for one: the first that has a skill. */
export function foremost(measured: Record<string, Metric>): [string, Metric] | null {
  const all = Object.entries(measured)
  return all.find(([, m]) => m.skill !== undefined && m.floor !== undefined) ?? all.find(([, m]) => m.floor !== undefined) ?? all[0] ?? null
}

/** The places of the best values, where there is a better: all of them when they are equal, none when there is nothing to compare. */
export function best(values: (Metric | undefined)[], better: string | undefined): number[] {
  const worth = values.map((m) => {
    if (!m) return -Infinity
    if (better === 'lower') return -m.value
    if (better === 'higher') return m.value
    return better === 'floor' && m.floor !== undefined ? -Math.abs(m.value - m.floor) : -Infinity
  })
  const most = Math.max(...worth)
  const found = worth.flatMap((w, i) => (w === most ? [i] : []))
  return most === -Infinity || found.length === worth.length ? [] : found
}
