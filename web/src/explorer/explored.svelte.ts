import { PAGE, Run, why, type About, type Checkpoint, type Item, type Origin } from './ask'
import { readAddress, writeAddress } from './address'
import { decoded, Drawing } from './drawing.svelte'
import { named, same, styles, tidy } from './items'
import { Walk } from './walk.svelte'

const HELD = 24
/** pixels from which a picture is enlarged smoothly, as long as nobody says otherwise */
const SMOOTH = 48
export type Tool = 'seeds' | 'mix' | 'path' | 'sheet' | 'picture' | 'files'

/** An item in the tray. */
export interface Held {
  id: number
  item: Item
  url: string | null
  /** the studio no longer knows the picture that it was projected from */
  gone: boolean
}

/** What a page shows of a run that makes pictures, and what it can do with it. */
export class Explored {
  readonly run: Run
  readonly truncates: { least: number; most: number; step: number }
  item = $state.raw<Item>({ seed: 0 })
  truncation = $state<number | null>(null)
  checkpoint = $state<Checkpoint>('best')
  tray = $state.raw<Held[]>([])
  /** in the tray, on which its buttons act */
  selected = $state<number | null>(null)
  tool = $state<Tool>('seeds')
  /** a file that was dropped onto the picture */
  given = $state.raw<File | null>(null)
  smooth = $state(false)
  readonly drawing = new Drawing()
  readonly walk = new Walk(this)
  private next = 0
  private thumbs = 0

  constructor(
    name: string,
    readonly about: About,
  ) {
    this.run = new Run(name)
    // psi from 0 to 1; noise is cut at a number above 0. The far end is without.
    this.truncates = about.space === 'w' ? { least: 0, most: 1, step: 0.02 } : { least: 0.1, most: 3, step: 0.05 }
    const chosen = localStorage.getItem('sparring.smooth')
    this.smooth = chosen === null ? Math.max(...about.shape.slice(-2)) >= SMOOTH : chosen === 'true'
    const known = readAddress()
    this.item = known.item
    this.truncation = known.truncation
    this.checkpoint = known.checkpoint
    this.recall()
  }

  get bands(): string[] {
    return Object.keys(this.about.bands)
  }

  get settings() {
    return { truncation: this.truncation, checkpoint: this.checkpoint }
  }

  // ---- the item

  take(item: Item): void {
    this.item = tidy(item)
    this.walk.leave()
  }

  change(part: Partial<Item>): void {
    this.take({ ...this.item, ...part })
  }

  seed(step: number): void {
    const from = typeof this.item.seed === 'number' ? this.item.seed : -step
    this.change({ seed: Math.max(0, from + step) })
  }

  dice(): void {
    this.change({ seed: Math.floor(Math.random() * 100_000) })
  }

  offset(direction: number, value: number): void {
    const offsets = [...(this.item.offsets ?? [])]
    while (offsets.length <= direction) offsets.push(0)
    offsets[direction] = value
    this.change({ offsets })
  }

  /** Its styles of a band come from another. */
  mix(band: string, from: Item | null): void {
    const bands: Record<string, Origin> = { ...this.item.bands }
    delete bands[band]
    if (from) bands[band] = styles(from, band)
    this.change({ bands })
  }

  draw(): void {
    const wish = { seeds: [tidy(this.item)], ...this.settings, page: `${PAGE}-stage` }
    writeAddress({ item: this.item, ...this.settings })
    this.drawing.ask(() => this.run.blob('sample', wish))
  }

  // ---- the tray

  keep(item: Item = this.item): void {
    const there = this.tray.find((held) => same(held.item, item))
    if (there || this.tray.length >= HELD) {
      this.selected = there?.id ?? this.selected
      return
    }
    const held = { id: this.next++, item: tidy(item), url: null, gone: false }
    this.tray = [...this.tray, held]
    this.remember()
    void this.thumb(held.id, this.thumbs)
  }

  drop(id: number): void {
    const held = this.held(id)
    if (held?.url) URL.revokeObjectURL(held.url)
    this.tray = this.tray.filter((each) => each.id !== id)
    if (this.selected === id) this.selected = null
    this.remember()
  }

  held(id: number | null): Held | undefined {
    return this.tray.find((each) => each.id === id)
  }

  /** The tray's pictures, with the truncation and the weights of now. */
  async drawTray(): Promise<void> {
    const turn = ++this.thumbs
    for (const { id } of this.tray) await this.thumb(id, turn)
  }

  private async thumb(id: number, turn: number): Promise<void> {
    const held = this.held(id)
    if (!held || turn !== this.thumbs) return
    let now: Partial<Held> = {}
    try {
      now = { url: await decoded(await this.run.blob('sample', { seeds: [held.item], ...this.settings })), gone: false }
    } catch (error) {
      now = { gone: typeof held.item.seed === 'string' && why(error).includes('no longer') }
    }
    this.tray = this.tray.map((each) => (each.id === id ? { ...each, ...now } : each))
  }

  private remember(): void {
    localStorage.setItem(`sparring.tray.${this.run.name}`, JSON.stringify(this.tray.map(({ item }) => item)))
  }

  private recall(): void {
    try {
      const items = JSON.parse(localStorage.getItem(`sparring.tray.${this.run.name}`) ?? '[]') as Item[]
      this.tray = items.slice(0, HELD).map((item) => ({ id: this.next++, item, url: null, gone: false }))
    } catch {
      this.tray = []
    }
  }

  file(ending: string): string {
    return `${this.run.name}-${named(this.item).replaceAll(' ', '-')}.${ending}`
  }

  end(): void {
    this.drawing.end()
    this.walk.end()
    for (const { url } of this.tray) if (url) URL.revokeObjectURL(url)
  }
}
