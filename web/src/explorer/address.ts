// What is shown, in the page's address: a reload and a link bring it back.

import type { Checkpoint, Item, Origin } from './ask'
import { tidy } from './items'

export interface Shown {
  item: Item
  truncation: number | null
  checkpoint: Checkpoint
}

const REST = 250

export function query(): URLSearchParams {
  return new URLSearchParams(location.hash.split('?')[1] ?? '')
}

let clock: ReturnType<typeof setTimeout> | undefined

/** When it has come to rest: browsers refuse pages that change their address at every step of a slider. */
export function write(asked: URLSearchParams): void {
  const [text, place] = [asked.toString(), location.hash.split('?')[0]]
  clearTimeout(clock)
  clock = setTimeout(() => {
    if (location.hash.split('?')[0] === place) history.replaceState(history.state, '', place + (text && `?${text}`))
  }, REST)
}

export function readAddress(): Shown {
  const asked = query()
  const seed = asked.get('seed') ?? '0'
  const truncation = Number(asked.get('truncation') ?? NaN)
  return {
    item: tidy({
      seed: /^p[0-9a-f]{12}$/.test(seed) ? seed : Math.max(0, Math.floor(Number(seed)) || 0),
      label: asked.get('label') ?? undefined,
      where: asked.getAll('where'),
      offsets: numbers(asked.get('directions')),
      bands: bands(asked.get('styles')),
    }),
    truncation: Number.isFinite(truncation) ? truncation : null,
    checkpoint: asked.get('checkpoint') === 'last' ? 'last' : 'best',
  }
}

export function writeAddress({ item, truncation, checkpoint }: Shown): void {
  const { seed, label, where, offsets, bands } = tidy(item)
  const asked = new URLSearchParams({ seed: String(seed) })
  if (label !== undefined) asked.set('label', label)
  for (const each of where ?? []) asked.append('where', each)
  if (offsets) asked.set('directions', offsets.map((offset) => Number(offset.toFixed(2))).join(','))
  if (bands) asked.set('styles', JSON.stringify(bands))
  if (truncation !== null) asked.set('truncation', String(truncation))
  if (checkpoint !== 'best') asked.set('checkpoint', checkpoint)
  write(asked)
}

function numbers(text: string | null): number[] {
  return text ? text.split(',').map((each) => Number(each) || 0) : []
}

function bands(text: string | null): Record<string, Origin> | undefined {
  try {
    return text ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}
