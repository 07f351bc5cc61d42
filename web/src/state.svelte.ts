// What the page knows, and what it can ask for. Everything that is shown came from the game's process.

import type { Layers } from './draw'
import {
  Connection,
  fromFragment,
  type Catalogue,
  type Event,
  type Frame,
  type History,
  type Measure,
  type Message,
  type Name,
  type Preset,
  type Row,
  type Settings,
  type Step,
  type Told,
  type Value,
} from './protocol'
import { Series } from './series'

const REMEMBERED = 'sparring.playground'
const TRAIL = 1500
const FRAMES = 30

export interface Tick {
  round: number
  what: string
}

/** One of the two games that a page may have. */
export class Game {
  told = $state.raw<Told | null>(null)
  frame = $state.raw<Frame | null>(null)
  losses = $state.raw<Record<string, number>>({})
  measures = $state.raw<Record<string, Measure> | null>(null)
  speed = $state(0)
  skipped = $state(0)
  ticks = $state.raw<Tick[]>([])
  furthest = $state(0)
  version = $state(0)
  preset = $state<Preset | null>(null)
  cured = $state(false)
  verdict = $state.raw<{ at: [number, number]; real: number | null } | null>(null)
  series = new Series()
  trail: [number, number][] = []
  history: History | null = null
  command = ''
  /** another game was asked for: what still comes is of the last one */
  stale = false
  ahead: Tick[] = []

  constructor(readonly name: Name) {}

  row(path: string): Row | undefined {
    const rows = this.told?.rows ?? []
    return rows.find((row) => row.path === path) ?? rows.find((row) => row.path === `${path}.start`)
  }

  value(path: string): Value | undefined {
    return this.row(path)?.value
  }

  get family(): string {
    return this.told?.play.game.kind ?? 'gan'
  }

  get curve(): boolean {
    return (this.value('game.noise') ?? this.value('game.latent')) === 1
  }

  anew(): void {
    this.series = new Series()
    this.trail = []
    this.losses = {}
    this.measures = this.verdict = null
    this.ticks = []
    this.furthest = this.speed = this.skipped = 0
  }

  /** What came after this round is no more: something else was done here. */
  cut(round: number): void {
    this.series.cut(round)
    this.furthest = round
    this.ticks = this.ticks.filter((tick) => tick.round <= round)
  }

  see(frame: Frame): void {
    this.frame = frame
    if (Object.keys(frame.losses).length) this.losses = frame.losses
    if (frame.rounds_per_second) this.speed += (frame.rounds_per_second - this.speed) * (this.speed ? 0.15 : 1)
    this.skipped += frame.skipped
    if (frame.measures) this.measures = frame.measures
    const values: Record<string, number> = { ...frame.losses }
    for (const [name, value] of Object.entries(frame.accuracy ?? {})) values[`accuracy/${name}`] = value
    for (const [name, { value }] of Object.entries(frame.measures ?? {})) values[name] = value
    this.series.push(frame.round, values)
    if (frame.phase && (frame.playing || this.trail.length === 0 || frame.round >= this.furthest)) {
      this.trail = [...this.trail.slice(-TRAIL), frame.phase]
    }
    this.furthest = Math.max(this.furthest, frame.round)
    this.version++
  }
}

interface Kept {
  a: History
  b: History | null
  speed: number
  layers: Layers
  averaged: boolean
}

export interface Slow {
  player: string
  moves: number
  step: number
  before: Frame
  after: Frame | null
}

export type Left = 'game' | 'failures' | 'course'
export type Right = 'charts' | 'networks'

class Studio {
  catalogue = $state.raw<Catalogue | null>(null)
  status = $state<'starting' | 'ready' | 'lost' | 'ended'>('starting')
  last = $state('')
  games = { a: new Game('a'), b: new Game('b') }
  beside = $state(false)
  selected = $state<Name>('a')
  playing = $state(false)
  rounds = $state(4)
  layers = $state<Layers>({ real: true, fake: true, heat: true, grid: false, arrows: true, optimal: false })
  averaged = $state(false)
  left = $state<Left>('game')
  right = $state<Right>('charts')
  step = $state(0)
  forward = $state<{ to: number; round: number } | null>(null)
  slow = $state.raw<Slow | null>(null)
  slowPace = $state(2600)
  drawing = $state(false)
  /** answers that said no: fields show again what is so */
  refused = $state(0)
  toasts = $state<{ id: number; text: string; wrong: boolean }[]>([])
  /** frames of game a that were drawn in the last second */
  drawn = $state(0)

  private connection: Connection | null = null
  private waiting: { on: (message: Message | Frame) => boolean; done: (found: never) => void }[] = []
  private pending: { about: string; what: string; game: Name }[] = []
  private held: Kept | null = null
  private travelling: number | null = null
  private count = 0
  private counted = performance.now()
  private toastId = 0
  private trips = 0

  get game(): Game {
    return this.games[this.selected]
  }

  get open(): Game[] {
    return this.beside ? [this.games.a, this.games.b] : [this.games.a]
  }

  get view() {
    const { heat, optimal, grid, arrows } = this.layers
    return { heat, optimal, grid, arrows, averaged: this.averaged }
  }

  // ---- beginning, losing the thread, taking it up

  async start(): Promise<void> {
    this.held = this.remembered()
    if (location.hash.startsWith('#h=')) history.replaceState(null, '', location.pathname + location.search)
    setInterval(() => this.status === 'ready' && this.playing && this.remember(), 2000)
    addEventListener('pagehide', () => this.keep())
    try {
      const answer = await fetch('/api/playground')
      if (!answer.ok) throw new Error(await answer.text())
      this.catalogue = await answer.json()
      this.connect()
    } catch (error) {
      this.status = 'ended'
      this.last = error instanceof Error ? error.message : String(error)
    }
  }

  private remembered(): Kept | null {
    try {
      if (location.hash.startsWith('#h=')) {
        const shared = fromFragment(location.hash.slice(3)) as Kept | History
        return 'play' in shared ? { a: shared, b: null, speed: this.rounds, layers: this.layers, averaged: false } : shared
      }
      return JSON.parse(sessionStorage.getItem(REMEMBERED) ?? 'null')
    } catch {
      this.toast('this link could not be read: it holds no game', true)
      return null
    }
  }

  connect(): void {
    this.connection?.close()
    this.pending = []
    this.waiting = []
    this.connection = new Connection({
      open: () => void this.resume(),
      message: (message) => this.hear(message),
      frame: (frame) => this.see(frame),
      lost: () => this.lost(),
    })
  }

  private lost(): void {
    this.playing = false
    this.forward = null
    this.slow = null
    if (this.status === 'ended') return
    this.keep()
    this.held = this.kept() ?? this.held
    this.status = 'lost'
    setTimeout(() => this.status === 'lost' && this.connect(), 1500)
  }

  private async resume(): Promise<void> {
    const held = this.held
    if (held === null) {
      this.selected = 'a'
      this.beside = false
      this.begin({})
      return
    }
    this.rounds = held.speed
    this.layers = held.layers
    this.averaged = held.averaged
    this.beginAt('a', held.a, 0)
    if (held.b) this.beginAt('b', held.b, 0)
    await this.goTo(held.a.round)
  }

  private beginAt(name: Name, history: History, round: number): void {
    this.games[name].stale = true
    this.games[name].ahead = history.events.map(tick)
    if (name === 'b') this.beside = true
    this.ask({ do: 'begin', game: name, history: { ...history, round }, view: this.view }, 'begin')
  }

  kept(): Kept | null {
    const [a, b] = [this.games.a.history, this.beside ? this.games.b.history : null]
    return a && { a, b, speed: this.rounds, layers: this.layers, averaged: this.averaged }
  }

  private keep(): void {
    const kept = this.kept()
    if (kept) sessionStorage.setItem(REMEMBERED, JSON.stringify(kept))
  }

  /** Asks where the games stand, for a reload and for links. */
  remember(): void {
    for (const game of this.open) this.ask({ do: 'history', game: game.name })
  }

  // ---- messages

  private ask(message: Record<string, unknown>, what = ''): void {
    const about = String(message.do)
    if (['begin', 'change', 'cure'].includes(about)) this.pending.push({ about, what, game: message.game as Name })
    this.connection?.send(message)
  }

  private wait<T extends Message | Frame>(on: (message: Message | Frame) => boolean): Promise<T> {
    return new Promise((done) => this.waiting.push({ on, done: done as never }))
  }

  private answer(message: Message | Frame): void {
    const due = this.waiting.filter(({ on }) => on(message))
    this.waiting = this.waiting.filter((each) => !due.includes(each))
    for (const { done } of due) done(message as never)
  }

  private hear(message: Message): void {
    if (message.say === 'game') this.hearGame(message)
    if (message.say === 'error') {
      this.pending = this.pending.filter((each, i) => !(i === this.pending.findIndex((p) => p.about === message.about) && each))
      this.toast(message.message, true)
      this.refused++
      if (message.about === 'run') this.playing = false
      if (message.about === 'begin') this.games[message.game].stale = false
      if (message.about === 'begin' && message.game === 'b' && !this.games.b.told) this.beside = false
      if (message.about === 'begin' && this.games.a.told === null) this.begin({})
    }
    if (message.say === 'verdict') this.games[message.game].verdict = message
    if (message.say === 'history') {
      this.games[message.game].history = message.history
      this.games[message.game].command = message.command
      this.keep()
    }
    if (message.say === 'ended') {
      this.status = 'ended'
      this.last = message.lines.at(-1) ?? 'it left no last words'
      this.held = null
      sessionStorage.removeItem(REMEMBERED)
    }
    this.answer(message)
  }

  private hearGame(told: Told): void {
    const game = this.games[told.game]
    const fresh = game.told === null
    game.told = told
    this.status = 'ready'
    const at = told.about === 'moment' ? -1 : this.pending.findIndex((each) => each.about === told.about && each.game === told.game)
    if (at < 0) return
    const [{ about, what }] = this.pending.splice(at, 1)
    if (about === 'begin') {
      game.anew()
      game.ticks = game.ahead
      game.stale = false
      if (!fresh && what !== 'begin') this.toast(what)
    } else {
      game.cut(told.round)
      game.ticks = [...game.ticks, { round: told.round, what }]
      if (about === 'cure') game.cured = true
      if (told.restarted.length) this.toast(`${told.restarted.map((each) => `the ${each}`).join(' and ')} began anew: ${told.restarted.length > 1 ? 'their' : 'its'} weights did not fit`)
    }
    this.remember()
  }

  private see(frame: Frame): void {
    const seen = () => this.connection?.send({ do: 'seen' })
    if (this.slow && this.slow.after === null && frame.game === this.selected) this.slow = { ...this.slow, after: frame }
    else if (!this.games[frame.game].stale) this.games[frame.game].see(frame)
    requestAnimationFrame(() => {
      seen()
      if (frame.game !== 'a') return
      this.count++
      const now = performance.now()
      if (now - this.counted < 1000) return
      this.drawn = (this.count * 1000) / (now - this.counted)
      this.count = 0
      this.counted = now
    })
    this.answer(frame)
  }

  // ---- playing

  play(): void {
    if (this.forward || this.status !== 'ready') return
    this.endSlow()
    this.playing = true
    this.run()
  }

  private run(): void {
    this.ask({ do: 'run', rounds: this.rounds, frames: FRAMES })
  }

  pause(): void {
    this.playing = false
    this.ask({ do: 'pause' })
    this.remember()
  }

  toggle(): void {
    if (this.forward) this.forward = null
    else if (this.playing) this.pause()
    else this.play()
  }

  setRounds(rounds: number): void {
    this.rounds = rounds
    if (this.playing) this.run()
  }

  advance(rounds: number): void {
    this.still()
    this.ask({ do: 'advance', rounds })
    this.remember()
  }

  move(player: string): void {
    if (!this.game.told?.players.includes(player)) return
    this.still()
    this.game.cut(this.game.frame?.round ?? 0)
    this.game.ticks = [...this.game.ticks, { round: this.game.frame?.round ?? 0, what: `one move of the ${player}` }]
    this.ask({ do: 'move', game: this.selected, player })
    this.remember()
  }

  /** Nothing moves by itself. */
  private still(): void {
    this.endSlow()
    if (this.playing) {
      this.playing = false
      this.ask({ do: 'pause' })
    }
  }

  change(settings: Settings, what = Object.entries(settings).map(([path, value]) => `${path.replace(/^game\./, '')} = ${short(value)}`).join(', ')): void {
    this.endSlow()
    this.ask({ do: 'change', game: this.selected, settings }, what)
  }

  cure(): void {
    const preset = this.game.preset
    if (preset) this.ask({ do: 'cure', game: this.selected, preset: preset.name }, `cure of: ${preset.title}`)
  }

  // ---- which game

  begin(how: { family?: string; settings?: Settings; seed?: number; preset?: Preset }, what = 'begin'): void {
    this.stop()
    const game = this.game
    game.stale = true
    game.ahead = []
    game.preset = how.preset ?? null
    game.cured = false
    const { family = 'gan', settings = how.preset?.begin ?? {}, seed = 0 } = how
    this.ask({ do: 'begin', game: game.name, family, settings, seed, view: this.view }, what)
    if (this.beside) this.ask({ do: 'travel', round: 0 })
  }

  private stop(): void {
    this.trips++
    this.forward = null
    this.endSlow()
    if (this.playing) this.pause()
  }

  /** The same settings from round 0 on. */
  again(seed: number): void {
    const told = this.game.told
    if (!told) return
    this.stop()
    const { preset, cured } = this.game
    this.beginAt(this.selected, { play: { ...told.play, seed }, events: [], round: 0 }, 0)
    Object.assign(this.game, { preset, cured })
    if (this.beside) this.ask({ do: 'travel', round: 0 })
  }

  /** Another family on the same points. */
  family(family: string, play = this.game.told?.play): void {
    const shape = Object.fromEntries(Object.entries(play?.shape ?? {}).map(([name, value]) => [`shape.${name}`, value as Value]))
    this.begin({ family, settings: { ...shape, points: play?.points ?? 2000, batch: play?.batch ?? 128 }, seed: play?.seed ?? 0 }, 'Another family begins at round 0')
  }

  preset(preset: Preset): void {
    this.right = 'charts'
    this.show({ heat: true, arrows: true, grid: false, optimal: false, real: true, fake: true })
    this.begin({ preset, seed: Number(this.game.value('seed') ?? 0) })
    this.play()
  }

  async courseStep(index: number): Promise<void> {
    const step: Step | undefined = this.catalogue?.course[index]
    if (!step) return
    this.step = index
    this.selected = 'a'
    if (this.beside) this.closeBeside()
    const on = (layer: string) => step.show.includes(layer)
    this.show({ real: on('real'), fake: on('fake'), heat: on('heat'), grid: on('grid'), arrows: on('arrows'), optimal: on('optimal') })
    this.begin({ family: step.family, settings: step.begin })
    this.game.preset = this.catalogue!.presets.find((p) => Object.keys(step.begin).length > 0 && JSON.stringify(p.begin) === JSON.stringify(step.begin)) ?? null
    if (step.rounds) await this.goTo(step.rounds)
  }

  async openBeside(how: 'copy' | 'same' | { family: string } | Preset): Promise<void> {
    const a = this.games.a
    if (!a.told) return
    this.stop()
    this.selected = 'b'
    this.beside = true
    const seed = a.told.play.seed
    if (how === 'copy') {
      const found = this.wait<Message>((m) => 'say' in m && m.say === 'history' && m.game === 'a')
      this.ask({ do: 'history', game: 'a' })
      await found
      this.beginAt('b', a.history!, 0)
      this.games.b.preset = a.preset
      await this.goTo(a.history!.round)
    } else {
      if (how === 'same') this.beginAt('b', { play: a.told.play, events: [], round: 0 }, 0)
      else if ('begin' in how) this.begin({ preset: how, seed })
      else this.family(how.family, a.told.play)
      this.ask({ do: 'travel', round: 0 })
    }
  }

  closeBeside(): void {
    this.ask({ do: 'close', game: 'b' })
    this.beside = false
    this.selected = 'a'
    Object.assign(this.games.b, { told: null, frame: null, history: null, preset: null })
    this.games.b.anew()
    this.remember()
  }

  // ---- time

  /** To a round while a slider is dragged: the last wish counts. */
  async travel(round: number): Promise<void> {
    this.endSlow()
    this.playing = false
    const busy = this.travelling !== null
    this.travelling = round
    if (busy) return
    for (let sent: number | null = null; sent !== this.travelling; ) {
      sent = this.travelling!
      const arrived = this.arrival(sent)
      this.ask({ do: 'travel', round: sent })
      await arrived
    }
    this.travelling = null
    this.remember()
  }

  /** Plays up to a round in pieces, so that there is something to see on the way. */
  async goTo(round: number): Promise<void> {
    if (round <= 0) return
    const trip = ++this.trips
    this.forward = { to: round, round: 0 }
    for (let piece = 25; this.forward && this.forward.round < round; ) {
      const next = Math.min(round, this.forward.round + piece)
      const began = performance.now()
      const arrived = this.arrival(next)
      this.ask({ do: 'travel', round: next })
      await arrived
      if (trip !== this.trips) return
      if (!this.forward) break
      this.forward = { to: round, round: next }
      piece = Math.max(40, Math.min(1000, Math.round((piece * 600) / Math.max(60, performance.now() - began))))
    }
    this.forward = null
    this.remember()
  }

  private arrival(round: number): Promise<Frame> {
    const last = this.beside ? 'b' : 'a'
    return this.wait<Frame>((m) => 'arrays' in m && m.game === last && m.round === round && m.measures !== undefined)
  }

  // ---- slow motion

  slowly(player: string): void {
    const before = this.game.frame
    if (!before || !this.game.told?.players.includes(player)) return
    this.still()
    this.right = 'networks'
    const moves = player === 'discriminator' ? Number(this.game.value('game.discriminator_moves') ?? 1) : 1
    this.game.cut(before.round)
    this.game.ticks = [...this.game.ticks, { round: before.round, what: `one move of the ${player}` }]
    this.slow = { player, moves, step: 0, before, after: null }
    this.ask({ do: 'move', game: this.selected, player })
  }

  slowStep(step: number, length: number, update: number): void {
    if (!this.slow) return
    const crossed = this.slow.step < update && step >= update
    if (crossed && this.slow.after) this.game.see(this.slow.after)
    if (step < length) {
      this.slow = { ...this.slow, step }
      return
    }
    const players = this.game.told?.players ?? []
    const next = players[(players.indexOf(this.slow.player) + 1) % players.length]
    this.slow = null
    this.slowly(next)
  }

  endSlow(): void {
    const slow = this.slow
    if (!slow) return
    this.slow = null
    if (slow.after && (this.game.frame?.round ?? 0) < slow.after.round) this.game.see(slow.after)
    this.remember()
  }

  // ---- looks

  show(layers: Partial<Layers>): void {
    this.layers = { ...this.layers, ...layers }
    this.look()
  }

  setAveraged(averaged: boolean): void {
    this.averaged = averaged
    this.look()
  }

  private look(): void {
    for (const game of this.open) if (game.told) this.ask({ do: 'view', game: game.name, view: this.view })
  }

  askVerdict(name: Name, at: [number, number]): void {
    this.ask({ do: 'verdict', game: name, at })
  }

  async points(): Promise<[number, number][]> {
    const found = this.wait<Message>((m) => 'say' in m && m.say === 'points')
    this.ask({ do: 'points', game: this.selected })
    const message = await found
    return 'say' in message && message.say === 'points' ? message.points : []
  }

  async freshHistory(): Promise<void> {
    const name = this.beside ? 'b' : 'a'
    const found = this.wait<Message>((m) => 'say' in m && m.say === 'history' && m.game === name)
    this.remember()
    await found
  }

  toast(text: string, wrong = false): void {
    const id = ++this.toastId
    this.toasts = [...this.toasts.slice(-2), { id, text, wrong }]
    setTimeout(() => (this.toasts = this.toasts.filter((each) => each.id !== id)), wrong ? 8000 : 5000)
  }
}

function tick(event: Event): Tick {
  const what = event.player ? `one move of the ${event.player}` : Object.keys(event.change ?? {}).join(', ')
  return { round: event.round, what }
}

export function short(value: unknown): string {
  if (Array.isArray(value)) return `${value.length} places`
  if (typeof value === 'number') return Number(value.toPrecision(4)).toString()
  return String(value)
}

export const studio = new Studio()
