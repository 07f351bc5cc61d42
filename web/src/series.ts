// What charts draw: columns over rounds, thinned when there are many.

const LONGEST = 2400

/** What a chart is of. */
export interface Recorded {
  series: Series
  /** changes when the columns did */
  version: number
  /** where a vertical line stands, in a game that was turned back */
  frame?: { round: number } | null
  furthest?: number
}

export class Series {
  rounds: number[] = []
  columns = new Map<string, (number | null)[]>()

  /** Values at a round; nothing for rounds that are known already, which happen when time was turned back. */
  push(round: number, values: Record<string, number>): void {
    if (this.rounds.length && round <= this.rounds[this.rounds.length - 1]) return
    for (const name of Object.keys(values)) {
      if (!this.columns.has(name)) this.columns.set(name, Array(this.rounds.length).fill(null))
    }
    this.rounds.push(round)
    for (const [name, column] of this.columns) column.push(values[name] ?? null)
    if (this.rounds.length > LONGEST) this.thin()
  }

  /** Forgets what came after a round. */
  cut(round: number): void {
    const kept = this.rounds.findLastIndex((r) => r <= round) + 1
    this.rounds.length = kept
    for (const column of this.columns.values()) column.length = kept
  }

  private thin(): void {
    const merge = (column: (number | null)[]) => column.flatMap((v, i) => (i % 2 ? [] : [v ?? column[i + 1] ?? null]))
    this.rounds = this.rounds.filter((_, i) => i % 2 === 0)
    for (const [name, column] of this.columns) this.columns.set(name, merge(column))
  }
}
