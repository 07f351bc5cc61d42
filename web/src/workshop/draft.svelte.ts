// A run that is about to be started. What was chosen survives a reload of the page.

import { get, part, post } from '../api'
import type { BuiltIn, Glance, Inspection, Plain, Recipe, Row } from './types'
import { said } from './words'

const KEPT = 'sparring.draft'

interface Kept {
  data: string
  recipe: string
  changed: Record<string, Plain>
  length: 'rounds' | 'minutes' | 'usual'
  rounds: number
  minutes: number
  seed: number
  name: string
}

const NEW: Kept = { data: '', recipe: '', changed: {}, length: 'usual', rounds: 2000, minutes: 10, seed: 0, name: '' }

function kept(): Kept {
  try {
    return { ...NEW, ...JSON.parse(sessionStorage.getItem(KEPT) ?? '{}') }
  } catch {
    return { ...NEW }
  }
}

export class Draft {
  what = $state<Kept>(kept())
  recipes = $state.raw<Recipe[]>([])
  builtIn = $state.raw<BuiltIn[]>([])
  /** what is in the data */
  found = $state.raw<Inspection | null>(null)
  looking = $state(false)
  unread = $state('')
  /** settings of the recipe, and whether they are those for these data */
  rows = $state.raw<Row[]>([])
  derived = $state(false)
  deriving = $state(false)
  misfit = $state('')
  starting = $state(false)
  refused = $state('')

  private asked = 0

  async begin(): Promise<void> {
    try {
      ;[this.recipes, this.builtIn] = await Promise.all([get<Recipe[]>('/api/recipes'), get<BuiltIn[]>('/api/data')])
    } catch (error) {
      this.unread = said(error)
      return
    }
    if (this.what.data) await this.inspect()
    else if (this.what.recipe) await this.read()
  }

  keep(): void {
    sessionStorage.setItem(KEPT, JSON.stringify(this.what))
  }

  get recipe(): Recipe | undefined {
    return this.recipes.find((recipe) => recipe.name === this.what.recipe)
  }

  get usualRounds(): number | null {
    const row = this.rows.find((each) => each.path === 'rounds')
    return row ? Number(row.value) : null
  }

  /** Why a recipe is not for these data; nothing where it is, or where there are none yet. */
  reason(recipe: Recipe): string {
    if (!this.found) return ''
    const { kind, data, labels } = this.found
    const either = kind === 'points' && /\.csv$/i.test(data) && recipe.takes.includes('tables')          // rows of numbers are both
    if (!recipe.takes.includes(kind) && !either) return `takes ${recipe.takes.join(' or ')}, these are ${kind}`
    return recipe['needs labels'] && !Object.keys(labels ?? {}).length ? 'needs labels, these have none' : ''
  }

  async choose(data: string): Promise<void> {
    this.what.data = data.trim()
    this.refused = this.misfit = ''
    await this.inspect()
  }

  private async inspect(): Promise<void> {
    const { data } = this.what
    this.found = null
    this.unread = ''
    if (!data) return
    this.looking = true
    try {
      const found = await get<Inspection>(`/api/inspect?data=${part(data)}`)
      if (data === this.what.data) this.found = found
    } catch (error) {
      if (data === this.what.data) this.unread = said(error)
    }
    if (data !== this.what.data) return
    this.looking = false
    if (this.what.recipe) await this.read()
  }

  async take(recipe: string): Promise<void> {
    if (recipe === this.what.recipe) return
    this.what.recipe = recipe
    this.what.changed = {}
    this.refused = ''
    await this.read()
  }

  /** The recipe's settings: at once as they are by themselves, then as they are for these data. */
  private async read(): Promise<void> {
    const ask = ++this.asked
    const path = `/api/recipes/${part(this.what.recipe)}`
    this.misfit = ''
    this.derived = false
    this.deriving = false
    const settings = async (address: string) => {
      const { settings } = await get<{ settings: Row[] }>(address)
      if (ask === this.asked) this.rows = settings
    }
    try {
      await settings(path)
      if (!this.found || ask !== this.asked || (this.recipe && this.reason(this.recipe))) return
      this.deriving = true
      await settings(`${path}?data=${part(this.what.data)}`)
      if (ask === this.asked) this.derived = true
    } catch (error) {
      if (ask === this.asked) this.misfit = said(error)
    }
    if (ask === this.asked) this.deriving = false
  }

  set(row: Row, value: Plain): void {
    const { [row.path]: _, ...others } = this.what.changed
    this.what.changed = String(value) === String(Array.isArray(row.value) ? row.value.join(',') : row.value) ? others : { ...others, [row.path]: value }
  }

  /** The name of the run that began; nothing when it was refused. */
  async start(): Promise<string | null> {
    const { data, recipe, changed, length, rounds, minutes, seed, name } = this.what
    this.starting = true
    this.refused = ''
    try {
      const long = length === 'rounds' ? { rounds } : length === 'minutes' ? { minutes } : {}
      const begun = await post<Glance>('/api/runs', { data, recipe, seed, settings: changed, ...(name.trim() ? { name: name.trim() } : {}), ...long })
      this.what.name = ''
      return begun.name
    } catch (error) {
      this.refused = said(error)
      return null
    } finally {
      this.starting = false
    }
  }
}
