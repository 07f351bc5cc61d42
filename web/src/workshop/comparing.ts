// Colours and dashes of runs that are drawn together: apart by both, for every kind of colour vision.

import type { Palette } from '../colours'

export const runColours = (palette: Palette) => [palette.discriminator, palette.generator, palette.second, palette.real, palette.faint]
export const runDashes = [[], [6, 3], [2, 2], [9, 3, 2, 3], [12, 4]]
