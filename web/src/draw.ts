// The plane on a canvas. Pure functions of a frame.

import type { Palette } from './colours'
import type { Frame } from './protocol'

export interface Layers {
  real: boolean
  fake: boolean
  heat: boolean
  grid: boolean
  arrows: boolean
  optimal: boolean
}

const CELLS = 48
const LINES = 20
const NOTHING = 128 // one half exactly: neither density is there
const PULL = 0.3 // of the plane for a slope of one
const LONGEST = 0.13

type Pen = CanvasRenderingContext2D
type Plot = { x: (value: number) => number; y: (value: number) => number; unit: number }

export function plane(pen: Pen, size: number, frame: Frame, layers: Layers, palette: Palette, curve: boolean): void {
  const unit = size / (2 * frame.extent)
  const plot: Plot = { x: (v) => size / 2 + v * unit, y: (v) => size / 2 - v * unit, unit }
  const { real, fake, grid, arrows, heat, optimal } = frame.arrays as Record<string, Float32Array & Uint8Array>
  pen.fillStyle = palette.half
  pen.fillRect(0, 0, size, size)
  if (layers.heat && heat) map(pen, size, heat, palette)
  else if (layers.optimal && optimal) map(pen, size, optimal, palette)
  axes(pen, size, plot, palette)
  if (layers.grid && grid) net(pen, plot, grid, palette, curve, fake)
  if (layers.optimal && optimal && layers.heat && heat) contours(pen, size, optimal, palette)
  const dot = Math.max(1.9, size / 240)
  if (layers.real && real) dots(pen, plot, real, dot, palette)
  if (layers.fake && fake) diamonds(pen, plot, fake, dot * 1.25, palette)
  if (layers.arrows && arrows && fake) pulls(pen, plot, fake, arrows, size, palette)
}

let small: HTMLCanvasElement | undefined

function map(pen: Pen, size: number, values: Uint8Array, palette: Palette): void {
  small ??= Object.assign(document.createElement('canvas'), { width: CELLS, height: CELLS })
  const own = small.getContext('2d')!
  const image = own.createImageData(CELLS, CELLS)
  const colours = new Uint32Array(palette.heat.buffer)
  const pixels = new Uint32Array(image.data.buffer)
  for (let row = 0; row < CELLS; row++) {
    for (let column = 0; column < CELLS; column++) pixels[(CELLS - 1 - row) * CELLS + column] = colours[values[row * CELLS + column]]
  }
  own.putImageData(image, 0, 0)
  pen.imageSmoothingEnabled = true
  pen.imageSmoothingQuality = 'medium'
  pen.drawImage(small, 0, 0, size, size)
}

function axes(pen: Pen, size: number, plot: Plot, palette: Palette): void {
  pen.strokeStyle = `rgba(${palette.net}, 0.1)`
  pen.lineWidth = 1
  pen.beginPath()
  for (const at of [-0.5, 0, 0.5]) {
    pen.moveTo(Math.round(plot.x(at)) + 0.5, 0)
    pen.lineTo(Math.round(plot.x(at)) + 0.5, size)
    pen.moveTo(0, Math.round(plot.y(at)) + 0.5)
    pen.lineTo(size, Math.round(plot.y(at)) + 0.5)
  }
  pen.stroke()
}

/** Cells of equal noise: the smaller one has become, the more points land there, and the darker it is. Noise of one number is a curve. */
function net(pen: Pen, plot: Plot, grid: Float32Array, palette: Palette, curve: boolean, fake?: Float32Array): void {
  const at = (i: number): [number, number] => [plot.x(grid[2 * i]), plot.y(grid[2 * i + 1])]
  if (curve) {
    pen.strokeStyle = `rgba(${palette.net}, 0.6)`
    pen.lineWidth = 2
    pen.beginPath()
    for (let i = 0; i < grid.length / 2; i++) pen.lineTo(...at(i))
    pen.stroke()
    return
  }
  const usual = (plot.unit * spread(fake ?? grid) * 2) ** 2 / (LINES - 1) ** 2
  for (let row = 0; row < LINES - 1; row++) {
    for (let column = 0; column < LINES - 1; column++) {
      const corners = [row * LINES + column, row * LINES + column + 1, (row + 1) * LINES + column + 1, (row + 1) * LINES + column].map(at)
      let area = 0
      for (let i = 0; i < 4; i++) area += corners[i][0] * corners[(i + 1) % 4][1] - corners[(i + 1) % 4][0] * corners[i][1]
      const density = Math.min(1, usual / Math.max(1, Math.abs(area / 2)) / 3)
      pen.beginPath()
      for (const corner of corners) pen.lineTo(...corner)
      pen.closePath()
      pen.fillStyle = `rgba(${palette.net}, ${(0.02 + 0.3 * density).toFixed(3)})`
      pen.fill()
      pen.strokeStyle = `rgba(${palette.net}, ${(0.1 + 0.35 * density).toFixed(3)})`
      pen.lineWidth = 0.7
      pen.stroke()
    }
  }
}

function spread(points: Float32Array): number {
  let sum = 0
  for (const value of points) sum += value * value
  return Math.sqrt(sum / Math.max(1, points.length)) || 1
}

function contours(pen: Pen, size: number, values: Uint8Array, palette: Palette): void {
  const cell = size / CELLS
  pen.strokeStyle = palette.contour
  for (const level of [64, 128, 191]) {
    pen.lineWidth = level === 128 ? 2 : 1
    pen.setLineDash(level === 128 ? [] : [4, 3])
    pen.beginPath()
    for (let row = 0; row < CELLS - 1; row++) {
      for (let column = 0; column < CELLS - 1; column++) {
        const corner = (r: number, c: number) => values[(row + r) * CELLS + column + c] - level
        const [p, q, r, s] = [corner(0, 0), corner(0, 1), corner(1, 1), corner(1, 0)]
        if ([p, q, r, s].filter((corner) => corner + level === NOTHING).length > 1) continue
        const crossings: [number, number][] = []
        const edge = (a: number, b: number, x: number, y: number, dx: number, dy: number) => {
          if (a < 0 !== b < 0) crossings.push([x + (dx * a) / (a - b), y + (dy * a) / (a - b)])
        }
        edge(p, q, 0, 0, 1, 0)
        edge(q, r, 1, 0, 0, 1)
        edge(r, s, 1, 1, -1, 0)
        edge(s, p, 0, 1, 0, -1)
        for (let i = 0; i + 1 < crossings.length; i += 2) {
          pen.moveTo((column + 0.5 + crossings[i][0]) * cell, size - (row + 0.5 + crossings[i][1]) * cell)
          pen.lineTo((column + 0.5 + crossings[i + 1][0]) * cell, size - (row + 0.5 + crossings[i + 1][1]) * cell)
        }
      }
    }
    pen.stroke()
  }
  pen.setLineDash([])
}

function dots(pen: Pen, plot: Plot, points: Float32Array, radius: number, palette: Palette): void {
  pen.beginPath()
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [plot.x(points[i]), plot.y(points[i + 1])]
    pen.moveTo(x + radius, y)
    pen.arc(x, y, radius, 0, 2 * Math.PI)
  }
  paint(pen, palette.real, palette.rim, 0.8)
}

function diamonds(pen: Pen, plot: Plot, points: Float32Array, radius: number, palette: Palette): void {
  pen.beginPath()
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [plot.x(points[i]), plot.y(points[i + 1])]
    pen.moveTo(x, y - radius)
    pen.lineTo(x + radius, y)
    pen.lineTo(x, y + radius)
    pen.lineTo(x - radius, y)
    pen.closePath()
  }
  paint(pen, palette.fake, palette.rim, 0.8)
}

function paint(pen: Pen, fill: string, rim: string, width: number): void {
  pen.strokeStyle = rim
  pen.lineWidth = 2 * width
  pen.stroke()
  pen.fillStyle = fill
  pen.fill()
}

function pulls(pen: Pen, plot: Plot, points: Float32Array, arrows: Float32Array, size: number, palette: Palette): void {
  pen.beginPath()
  for (let i = 0; i < arrows.length; i += 2) {
    const slope = Math.hypot(arrows[i], arrows[i + 1])
    const length = Math.min(LONGEST, PULL * slope) * (size / 2)
    if (!(length > 1)) continue
    const [x, y, dx, dy] = [plot.x(points[i]), plot.y(points[i + 1]), arrows[i] / slope, -arrows[i + 1] / slope]
    const [tx, ty, head] = [x + dx * length, y + dy * length, Math.min(6, 2 + length * 0.25)]
    pen.moveTo(x, y)
    pen.lineTo(tx, ty)
    pen.moveTo(tx - head * (dx - 0.6 * dy), ty - head * (dy + 0.6 * dx))
    pen.lineTo(tx, ty)
    pen.lineTo(tx - head * (dx + 0.6 * dy), ty - head * (dy - 0.6 * dx))
  }
  pen.lineJoin = pen.lineCap = 'round'
  pen.globalAlpha = 0.85
  pen.strokeStyle = palette.rim
  pen.lineWidth = 3
  pen.stroke()
  pen.strokeStyle = palette.arrow
  pen.lineWidth = 1.3
  pen.stroke()
  pen.globalAlpha = 1
}
