// What the explorer asks of a run, and what it is told.

import { get, part, Refused, request } from '../api'
import type { Colour } from './recoloured'

/** What an item is made from: the number of a seed, or the name of a picture that was projected. */
export type Place = number | string

export interface Origin {
  seed: Place
  label?: string
  /** NAME=VALUE of attributes */
  where?: string[]
  /** deviations along the principal directions, the first first */
  offsets?: number[]
}

export interface Item extends Origin {
  /** what gives the styles of a band */
  bands?: Record<string, Origin>
}

export type Checkpoint = 'best' | 'last'

export interface Attribute {
  name: string
  tag: boolean
  mean: number
  least: number
  greatest: number
}

export interface Column {
  name: string
  kind: string
  values: string[]
}

export interface About {
  recipe: string
  kind: string
  shape: number[]
  checkpoint: string
  checkpoints: Record<Checkpoint, string>
  round: number
  generates: boolean
  encodes: boolean
  reconstructs: boolean
  projects: boolean
  conditions: boolean
  noise: number
  space: 'z' | 'w' | null
  bands: Record<string, number[]>
  directions: string[]
  labels: string[]
  attributes: Attribute[]
  columns: Column[]
  formats: string[]
  transform: { restores: boolean; scale: number; mask: boolean; directions: string[]; largest: number; colours: [Colour, Colour][] } | null
}

export interface Found {
  columns: Column[]
  rows: (string | number | null)[][]
  acceptance: number | null
  said: string | null
}

export interface Job {
  job: string
  state: 'waiting' | 'preparing' | 'running' | 'done' | 'failed' | 'cancelled'
  progress: number
  distance: number | null
  name: string | null
  error: string | null
}

type Asked = Record<string, string | number | boolean | string[] | null | undefined>

/** Bytes of an upload, at most: more is refused without being sent. */
const UPLOAD = 32 * 2 ** 20

/** Who asks, so that of several pages each has its own latest wish. */
export const PAGE = Math.random().toString(36).slice(2, 10)

export class Run {
  constructor(readonly name: string) {}

  about(checkpoint: Checkpoint): Promise<About> {
    return get<About>(this.at('', { checkpoint }))
  }

  /** A picture or a film. */
  async blob(what: string, wish: object, signal?: AbortSignal): Promise<Blob> {
    return (await this.post(what, wish, signal)).blob()
  }

  async rows(wish: object, signal?: AbortSignal): Promise<Found> {
    return (await this.post('sample', wish, signal)).json()
  }

  /** A file that is loaded. */
  async load(what: string, asked: Asked, signal?: AbortSignal): Promise<Blob> {
    return (await request(this.at(what, asked), { signal })).blob()
  }

  async send(what: string, files: Record<string, Blob>, asked: Asked, signal?: AbortSignal): Promise<Response> {
    const body = new FormData()
    for (const [name, file] of Object.entries(files)) body.append(name, file)
    if (Object.values(files).reduce((bytes, file) => bytes + file.size, 0) > UPLOAD) throw new Refused('this is more than 32 MB: make the picture smaller', 413)
    return request(this.at(what, asked), { method: 'POST', body, signal })
  }

  job(job: string): Promise<Job> {
    return get<Job>(this.at(`project/${part(job)}`))
  }

  async cancel(job: string): Promise<void> {
    await request(this.at(`project/${part(job)}`), { method: 'DELETE' })
  }

  private post(what: string, wish: object, signal?: AbortSignal): Promise<Response> {
    return request(this.at(what), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wish), signal })
  }

  private at(what: string, asked: Asked = {}): string {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(asked)) {
      if (value === null || value === undefined || value === '') continue
      for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each))
    }
    return `/api/explore/${part(this.name)}${what && `/${what}`}${query.size ? `?${query}` : ''}`
  }
}

/** The one line that says what was wrong; empty for what was replaced by a newer wish or given up. */
export function why(error: unknown): string {
  if (error instanceof DOMException && error.name === 'AbortError') return ''
  if (error instanceof Refused && error.status === 409) return ''
  return error instanceof Error ? error.message : String(error)
}

/** Lets the browser keep a file. */
export function saved(blob: Blob, name: string): void {
  const at = URL.createObjectURL(blob)
  Object.assign(document.createElement('a'), { href: at, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(at), 10_000)
}
