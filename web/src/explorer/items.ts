// Items as plain values: what they are called, how they are sent, and what taking another's styles makes of them.

import type { Item, Origin } from './ask'

const STEP = 1e-6

/** Without what says nothing, so that equal items are equal texts. */
export function tidy<T extends Origin>(item: T): T {
  const { label, where, offsets, bands, ...rest } = item as Item
  const last = (offsets ?? []).findLastIndex((offset) => Math.abs(offset) > STEP)
  return {
    ...rest,
    ...(label !== undefined && { label }),
    ...(where?.length && { where }),
    ...(last >= 0 && { offsets: offsets!.slice(0, last + 1) }),
    ...(bands && Object.keys(bands).length && { bands }),
  } as T
}

export const same = (a: Item, b: Item): boolean => JSON.stringify(tidy(a)) === JSON.stringify(tidy(b))

export function named(item: Origin): string {
  return typeof item.seed === 'number' ? `seed ${item.seed}` : 'your picture'
}

/** All that an item is, in words. */
export function described(item: Item): string {
  const steps = tidy(item).offsets?.length ? 'moved' : ''
  const mixed = Object.keys(item.bands ?? {}).length ? 'mixed' : ''
  return [named(item), item.label, item.where?.join(' '), steps, mixed].filter(Boolean).join(', ')
}

/** What gives an item its styles of a band: itself, or what it took them from. */
export function styles(item: Item, band: string): Origin {
  const { bands, ...own } = item
  const from = bands?.[band]
  if (!from) return tidy(own)
  const both = [...Array(Math.max(own.offsets?.length ?? 0, from.offsets?.length ?? 0))]
  return tidy({ ...from, offsets: both.map((_, i) => (own.offsets?.[i] ?? 0) + (from.offsets?.[i] ?? 0)) })
}

/** An item that is dragged: text that no other page sends. */
export const DRAGGED = 'application/x-sparring-item'

export function dragged(event: DragEvent, item: Item): void {
  event.dataTransfer?.setData(DRAGGED, JSON.stringify(tidy(item)))
  if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy'
}

export function dropped(event: DragEvent): Item | null {
  const text = event.dataTransfer?.getData(DRAGGED)
  return text ? (JSON.parse(text) as Item) : null
}

export const carries = (event: DragEvent, kind: string): boolean => event.dataTransfer?.types.includes(kind) ?? false
