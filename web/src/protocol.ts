// What the page and a game's process say to each other: JSON both ways, and packed frames from the game.

export type Name = 'a' | 'b'
export type Value = string | number | boolean | null | number[] | number[][]
export type Settings = Record<string, Value>

export interface Row {
  path: string
  type: string
  value: Value
  help: string
}

export interface Preset {
  name: string
  title: string
  begin: Settings
  happens: string
  cure: Settings
  helps: string
  watch: string
}

export interface Step {
  title: string
  text: string
  begin: Settings
  family: string
  rounds: number
  show: string[]
  do: string
}

export interface Plain {
  [key: string]: unknown
}

export interface Play extends Plain {
  shape: Plain & { kind: string }
  game: Plain & { kind: string }
  points: number
  batch: number
  seed: number
}

export interface Catalogue {
  families: Record<string, string>
  shapes: Record<string, string>
  objectives: string[]
  presets: Preset[]
  course: Step[]
  play: Play
  rows: Row[]
}

export interface Event {
  round: number
  change?: Settings
  player?: string
}

export interface History {
  play: Play
  events: Event[]
  round: number
}

export interface Measure {
  value: number
  noise: { mean: number; deviation: number }
}

export interface Head {
  game: Name
  playing: boolean
  round: number
  epoch: number
  images: number
  extent: number
  losses: Record<string, number>
  skipped: number
  players: string[]
  rounds_per_second: number
  equilibrium: Record<string, number>
  accuracy?: { real: number; fake: number; all: number }
  measures?: Record<string, Measure>
  phase?: [number, number]
}

export interface Frame extends Head {
  arrays: Record<string, Float32Array | Uint8Array>
}

export interface Told {
  say: 'game'
  about: string
  game: Name
  restarted: string[]
  round: number
  players: string[]
  play: Play
  rows: Row[]
}

export type Message =
  | Told
  | { say: 'error'; game: Name; message: string; about: string }
  | { say: 'history'; game: Name; history: History; command: string }
  | { say: 'verdict'; game: Name; at: [number, number]; real: number | null }
  | { say: 'points'; game: Name; points: [number, number][] }
  | { say: 'ended'; lines: string[] }

export type View = Record<'averaged' | 'heat' | 'optimal' | 'grid' | 'arrows', boolean>

export function unpack(buffer: ArrayBuffer): Frame {
  const length = new DataView(buffer).getUint32(0, true)
  const { arrays: told, ...head } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)))
  const arrays: Frame['arrays'] = {}
  let at = 4 + length
  for (const { name, shape, type } of told as { name: string; shape: number[]; type: string }[]) {
    const size = shape.reduce((a, b) => a * b, 1)
    arrays[name] = type === 'f4' ? new Float32Array(buffer, at, size) : new Uint8Array(buffer, at, size)
    at += Math.ceil(arrays[name].byteLength / 4) * 4
  }
  return { ...head, arrays }
}

/** One socket. It does not come back by itself: the state says what to do then. */
export class Connection {
  private socket: WebSocket

  constructor(told: { open(): void; message(message: Message): void; frame(frame: Frame): void; lost(): void }) {
    const { protocol, host } = location
    this.socket = new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/playground/play`)
    this.socket.binaryType = 'arraybuffer'
    this.socket.onopen = () => told.open()
    this.socket.onclose = () => told.lost()
    this.socket.onmessage = ({ data }) => (typeof data === 'string' ? told.message(JSON.parse(data)) : told.frame(unpack(data)))
  }

  send(message: Record<string, unknown>): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  close(): void {
    this.socket.onclose = null
    this.socket.close()
  }
}

export function toFragment(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

export function fromFragment(text: string): unknown {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))))
}
