// A run as its page watches it: its log, piece by piece, and the rest whenever something changed.

import { get, part, post } from '../api'
import { Series, type Recorded } from '../series'
import { Repeated } from './repeat'
import type { Events, LogEvent, Metric, Overview, State } from './types'
import { said } from './words'

const LIVE = 500
const STILL = 4000

export class Watch implements Recorded {
  overview = $state.raw<Overview | null>(null)
  /** the last event */
  last = $state.raw<LogEvent | null>(null)
  /** the last in which something was measured */
  judged = $state.raw<LogEvent | null>(null)
  series = new Series()
  version = $state(0)
  /** columns that there are */
  names = $state.raw<string[]>([])
  state = $state<State | ''>('')
  busy = $state(false)
  said = $state.raw<string[]>([])
  previews = $state.raw<string[]>([])
  /** rounds a second of the clock on the wall, while it is watched */
  pace = $state(0)
  /** why nothing could be read */
  error = $state('')
  /** what was asked for and is not done */
  doing = $state('')
  /** why it was not done */
  refused = $state('')

  private repeated: Repeated | null = null
  private after = 0
  private seen: { time: number; round: number }[] = []

  constructor(readonly name: string) {}

  get path(): string {
    return `/api/runs/${part(this.name)}`
  }

  get round(): number {
    return this.last?.round ?? this.overview?.round ?? 0
  }

  get rounds(): number {
    return this.overview?.rounds ?? 0
  }

  get live(): boolean {
    return this.state === 'running' || this.busy
  }

  /** Metrics to show: of the held-out test part, once it is finished; those of the last judgement before. */
  get metrics(): Record<string, Metric> {
    const finished = this.state === 'finished' && !this.busy
    return (finished && this.overview?.measurement?.metrics) || this.judged?.metrics || this.overview?.measurement?.metrics || {}
  }

  watch(): () => void {
    const repeated = (this.repeated = new Repeated(async () => {
      try {
        await this.turn()
        this.error = ''
      } catch (error) {
        this.error = said(error)
        return STILL
      }
      return this.live ? LIVE : STILL
    }))
    return () => repeated.end()
  }

  private async turn(): Promise<void> {
    if (!this.overview) await this.look()
    const piece = await get<Events>(`${this.path}/events?after=${this.after}`)
    const changed = piece.state !== this.state || piece.busy !== this.busy
    const known = this.last?.round ?? -1
    if (piece.next < this.after || (piece.events.length && piece.events[0].round <= known)) {
      await this.anew()
      return
    }
    this.after = piece.next
    this.state = piece.state
    this.busy = piece.busy
    this.said = piece.said
    if (piece.events.length) this.hear(piece)
    else if (changed) this.seen = []
    if (changed || piece.events.some((event) => Object.keys(event.metrics).length)) await this.look()
  }

  private async look(): Promise<void> {
    const found = await get<Overview>(this.path)
    this.previews = found.previews
    this.overview = found
  }

  /** The log began anew: the run went back to a checkpoint. */
  private async anew(): Promise<void> {
    this.series = new Series()
    this.after = 0
    this.last = this.judged = null
    this.seen = []
    this.version++
    await this.look()
    await this.turn()
  }

  private hear(piece: Events): void {
    for (const event of piece.events) {
      const values: Record<string, number> = {}
      const keep = (prefix: string, from: Record<string, number | null>) => {
        for (const [name, value] of Object.entries(from)) if (value !== null) values[prefix + name] = value
      }
      keep('', event.terms)
      keep('watch ', event.watch)
      for (const [name, { value }] of Object.entries(event.metrics)) values[`metric ${name}`] = value
      if (event.skill != null) values.skill = event.skill
      this.series.push(event.round, values)
      if (Object.keys(event.metrics).length) this.judged = event
    }
    this.last = piece.events[piece.events.length - 1]
    const names = [...this.series.columns.keys()]
    if (names.length !== this.names.length) this.names = names
    const fresh = piece.previews.filter((file) => !this.previews.includes(file))
    if (fresh.length) this.previews = [...this.previews, ...fresh].sort()
    this.clock()
    this.version++
  }

  private clock(): void {
    const now = performance.now() / 1000
    this.seen = [...this.seen.filter(({ time }) => now - time < 60), { time: now, round: this.round }]
    const [first] = this.seen
    this.pace = now - first.time > 4 ? (this.round - first.round) / (now - first.time) : 0
  }

  /** Stops it, or plays on; what the studio refuses stands in `refused`. */
  async ask(what: 'stop' | 'resume', rounds?: number): Promise<void> {
    this.doing = what
    this.refused = ''
    try {
      await post(`${this.path}/${what}`, what === 'resume' ? { rounds } : {})
      await this.look()
      await this.repeated?.now()
    } catch (error) {
      this.refused = said(error)
    }
    this.doing = ''
  }
}
