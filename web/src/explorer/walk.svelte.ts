import { why } from './ask'
import type { Explored } from './explored.svelte'
import { decoded } from './drawing.svelte'

const KEYS = 8

/** A way through items of the tray: its frames come one by one, are kept, and are played again and again. */
export class Walk {
  /** numbers of the tray's items, in the order of the way */
  keys = $state.raw<number[]>([])
  way = $state<'sphere' | 'line'>('sphere')
  frames = $state(24)
  rate = $state(24)
  closed = $state(true)
  playing = $state(false)
  /** whether the large picture is a frame */
  shown = $state(false)
  frame = $state(0)
  loaded = $state(0)
  error = $state('')
  url = $state<string | null>(null)
  private urls: string[] = []
  private made = ''
  private last = 0
  private loading = false

  constructor(private explored: Explored) {}

  /** Those that are still in the tray. */
  get items() {
    return this.keys.map((id) => this.explored.held(id)).filter((held) => held !== undefined && !held.gone) as { id: number; item: object; url: string | null }[]
  }

  get length(): number {
    const keys = this.items.length
    return keys < 2 ? 0 : this.closed ? keys * this.frames : (keys - 1) * this.frames + 1
  }

  get wish() {
    return { seeds: this.items.map(({ item }) => item), frames: this.frames, way: this.way, closed: this.closed, ...this.explored.settings }
  }

  toggleKey(id: number): void {
    this.keys = this.keys.includes(id) ? this.keys.filter((key) => key !== id) : [...this.keys, id].slice(-KEYS)
  }

  all(): void {
    this.keys = this.explored.tray.filter(({ gone }) => !gone).slice(0, KEYS).map(({ id }) => id)
  }

  /** An item comes one place earlier or later. */
  shift(id: number, step: number): void {
    const keys = this.items.map((held) => held.id)
    const from = keys.indexOf(id)
    const to = from + step
    if (to < 0 || to >= keys.length) return
    keys.splice(to, 0, ...keys.splice(from, 1))
    this.keys = keys
  }

  toggle(): void {
    if (this.playing) {
      this.playing = false
      return
    }
    this.playing = this.shown = true
    this.renew()
    this.last = 0
    requestAnimationFrame(this.tick)
  }

  go(frame: number): void {
    this.shown = true
    this.renew()
    this.frame = Math.min(frame, this.length - 1)
    this.url = this.urls[this.frame] ?? this.url
    if (!this.urls[this.frame]) void this.load()
  }

  /** The large picture is the item again. */
  leave(): void {
    this.playing = this.shown = false
  }

  end(): void {
    this.leave()
    this.forget()
  }

  private tick = (now: number): void => {
    if (!this.playing || this.length === 0) {
      this.playing = false
      return
    }
    this.renew()
    if (now - this.last >= 1000 / this.rate - 2) {
      const next = this.loaded ? (this.frame + 1) % this.length : 0
      if (this.urls[next]) {
        this.frame = next
        this.url = this.urls[next]
        this.last = now
      }
    }
    requestAnimationFrame(this.tick)
  }

  /** Frames of another way are forgotten. */
  private renew(): void {
    const wish = JSON.stringify(this.wish)
    if (wish !== this.made) {
      this.forget()
      this.made = wish
      this.frame = Math.min(this.frame, Math.max(0, this.length - 1))
    }
    if (!this.loading && this.loaded < this.length) void this.load()
  }

  private forget(): void {
    const before = this.urls
    this.urls = []
    this.loaded = 0
    setTimeout(() => before.forEach((url) => URL.revokeObjectURL(url)), 500)
  }

  /** The frames from where it stands on, as long as this is the way. */
  private async load(): Promise<void> {
    if (this.loading) return
    this.loading = true
    const [made, wish, length] = [this.made, this.wish, this.length]
    try {
      while (this.shown && made === this.made && this.loaded < length) {
        const number = this.missing(length)
        const url = await decoded(await this.explored.run.blob('path', { ...wish, frame: number }))
        if (made !== this.made) {
          URL.revokeObjectURL(url)
          break
        }
        this.urls[number] = url
        this.loaded++
        if (number === this.frame) this.url = url
      }
      this.error = ''
    } catch (error) {
      this.error = why(error)
      this.playing = false
    }
    this.loading = false
  }

  private missing(length: number): number {
    for (let i = 0; i < length; i++) {
      const number = (this.frame + i) % length
      if (!this.urls[number]) return number
    }
    return 0
  }
}
