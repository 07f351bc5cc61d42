// Colours of what is drawn. Real is blue and round, generated is orange and pointed: apart for every kind of colour vision, and by shape.

export type Theme = 'light' | 'dark'
type Rgb = [number, number, number]

export interface Palette {
  half: string
  real: string
  fake: string
  rim: string
  net: string
  arrow: string
  contour: string
  discriminator: string
  generator: string
  autoencoder: string
  ink: string
  faint: string
  line: string
  second: string
  heat: Uint8ClampedArray
}

/** Stops from surely generated over one half to surely real, 256 colours of four bytes. */
function ramp(fake: Rgb, half: Rgb, real: Rgb): Uint8ClampedArray {
  const found = new Uint8ClampedArray(256 * 4)
  for (let i = 0; i < 256; i++) {
    const t = (i - 127.5) / 127.5
    const end = t < 0 ? fake : real
    const far = Math.abs(t) ** 0.85
    for (let c = 0; c < 3; c++) found[4 * i + c] = half[c] + (end[c] - half[c]) * far
    found[4 * i + 3] = 255
  }
  return found
}

export const PALETTES: Record<Theme, Palette> = {
  light: {
    half: '#ffffff',
    real: '#0f559f',
    fake: '#cf5a00',
    rim: '#ffffff',
    net: '70, 74, 88',
    arrow: '#2a2d36',
    contour: '#5a3fc0',
    discriminator: '#5b4fcf',
    generator: '#d9690b',
    autoencoder: '#0f7f77',
    ink: '#191b22',
    faint: '#6a6f7d',
    line: '#e4e5ea',
    second: '#0f7f77',
    heat: ramp([250, 181, 112], [255, 255, 255], [133, 182, 232]),
  },
  dark: {
    half: '#15171c',
    real: '#86c5ff',
    fake: '#ffa24a',
    rim: '#0d0f13',
    net: '214, 218, 230',
    arrow: '#f1f2f6',
    contour: '#c2b5ff',
    discriminator: '#a79bff',
    generator: '#ff9d45',
    autoencoder: '#4fd1c5',
    ink: '#eceef3',
    faint: '#9297a6',
    line: '#2a2d36',
    second: '#4fd1c5',
    heat: ramp([140, 72, 16], [21, 23, 28], [24, 86, 150]),
  },
}

export function ofPlayer(palette: Palette, player: string): string {
  return player === 'discriminator' ? palette.discriminator : player === 'generator' ? palette.generator : palette.autoencoder
}
