// Points of a file, read in the page.

const MOST = 2000
const INSIDE = 0.85

/** The first two numbers of every row that has two; a header and rows without are passed over. */
export function readCsv(text: string, name: string): [number, number][] {
  const rows = text
    .split(/\r?\n/)
    .map((line) => line.split(/[,;\t ]+/).filter(Boolean).slice(0, 2).map(Number))
    .filter((row) => row.length === 2 && row.every(Number.isFinite)) as [number, number][]
  if (!rows.length) throw new Error(`${name} has no rows of two numbers: give a CSV with the columns x,y`)
  const step = Math.max(1, rows.length / MOST)
  return Array.from({ length: Math.min(MOST, rows.length) }, (_, i) => rows[Math.floor(i * step)])
}

/** Into the square, by one factor for both columns, so that distances keep their meaning. */
export function toSquare(points: [number, number][]): [number, number][] {
  const [low, high] = [Math.min, Math.max].map((best) => [0, 1].map((i) => points.reduce((found, p) => best(found, p[i]), points[0][i])))
  const middle = [0, 1].map((i) => (low[i] + high[i]) / 2)
  const half = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 1
  const scaled = (p: [number, number], i: number) => Math.round(((p[i] - middle[i]) / half) * INSIDE * 1000) / 1000
  return points.map((p) => [scaled(p, 0), scaled(p, 1)])
}

export function toCsv(points: [number, number][]): string {
  return ['x,y', ...points.map((p) => p.join(','))].join('\n') + '\n'
}
