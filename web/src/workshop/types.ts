// What the workshop's interface answers.

export type State = 'running' | 'finished' | 'interrupted' | 'failed' | 'damaged'
export type Plain = string | number | boolean

export interface Metric {
  value: number
  floor?: number
  baseline?: number
  skill?: number
  std?: number
  better?: string
}

export interface Glance {
  name: string
  changed: number
  state: State
  error: string | null
  recipe: string
  data: string
  kind: string
  round: number
  rounds: number
  stopped: string | null
  seconds: number
  measured: Record<string, Metric>
  skill: number | null
  health: string[]
  preview: string | null
}

export interface Row {
  path: string
  type: string
  value: unknown
  help: string
  rule: string | null
}

export interface Finding {
  code: string
  severity: 'warning' | 'failing'
  since_round: number
  evidence: Record<string, number>
  cause: string
  advice: string[]
}

export interface Overview extends Glance {
  seed: number
  why: Record<string, string>
  settings: Row[]
  about: Record<string, unknown> & { data: string; count?: number; split?: Record<string, number> }
  measurement: { n: number; checkpoint: string; metrics: Record<string, Metric>; skipped?: Record<string, string> } | null
  previews: string[]
  diagnosis: { verdict: 'healthy' | 'warning' | 'failing'; findings: Finding[] }
  report: boolean
  checkpoints: string[]
}

export interface Scores {
  range: [number, number]
  real: number[]
  fake: number[]
}

export interface LogEvent {
  round: number
  images: number
  epoch: number
  seconds: number
  stage: number
  attempt: number
  terms: Record<string, number | null>
  watch: Record<string, number | null>
  metrics: Record<string, Metric>
  speed: { images: number; rounds: number }
  skill?: number | null
  scores?: Scores
}

export interface Events {
  events: LogEvent[]
  next: number
  state: State
  previews: string[]
  busy: boolean
  said: string[]
}

export interface Recipe {
  name: string
  task: string
  takes: string[]
  'needs labels': boolean
  summary: string
}

export interface BuiltIn {
  name: string
  takes: string[]
  summary: string
}

export interface MetricAbout {
  name: string
  better: 'lower' | 'higher' | 'floor'
  summary: string
}

export interface Folder {
  path: string | null
  parent: string | null
  entries: { name: string; folder: boolean; bytes: number | null }[]
}

export interface Inspection {
  data: string
  kind: string
  name: string
  count: number
  problems: string[]
  split: { train: number; validation: number; test: number }
  labels?: Record<string, number>
  columns?: { name: string; kind?: string; missing?: number; unique?: number; min?: unknown; max?: unknown }[]
  dropped?: Record<string, string>
  corrupt?: unknown[]
  duplicates?: number | { count: number }
  derived?: Record<string, { value: unknown; why: string }>
  sizes?: { most_frequent: Record<string, number> }
  modes?: Record<string, number>
  [more: string]: unknown
}
