// The list of runs. All of it is asked for now and then, those that are running every two seconds.

import { get, part } from '../api'
import { Repeated } from './repeat'
import type { Glance } from './types'
import { said } from './words'

const PAUSE = 2000
/** the whole list may take a fortieth of the server's time */
const RARELY = 40

export class Listing {
  runs = $state.raw<Glance[] | null>(null)
  error = $state('')
  now = $state(Date.now() / 1000)
  private due = 0

  watch(): () => void {
    const repeated = new Repeated(() => this.turn())
    return () => repeated.end()
  }

  private async turn(): Promise<number> {
    const began = performance.now()
    try {
      const running = (this.runs ?? []).filter((run) => run.state === 'running').map((run) => run.name)
      if (began >= this.due) {
        this.runs = await get<Glance[]>('/api/runs')
        this.due = performance.now() + Math.max(PAUSE * 2, RARELY * (performance.now() - began))
      } else if (running.length && running.length <= 40) {
        const fresh = new Map((await get<Glance[]>(`/api/runs?${running.map((name) => `name=${part(name)}`).join('&')}`)).map((run) => [run.name, run]))
        this.runs = this.runs!.map((run) => fresh.get(run.name) ?? run)
      }
      this.error = ''
    } catch (error) {
      this.error = said(error)
    }
    this.now = Date.now() / 1000
    return PAUSE
  }
}
