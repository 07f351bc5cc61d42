/** Red, green and blue, from 0 to 255. */
export type Colour = [number, number, number]

/** The picture with some of its colours as others, as a file. */
export async function recoloured(image: HTMLImageElement, colours: [Colour, Colour][]): Promise<Blob> {
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight)
  const pen = canvas.getContext('2d')!
  pen.drawImage(image, 0, 0)
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height)
  const code = (of: ArrayLike<number>, at = 0) => (of[at] << 16) | (of[at + 1] << 8) | of[at + 2]
  const shown = new Map(colours.map(([from, to]) => [code(from), to]))
  for (let i = 0; i < pixels.data.length; i += 4) {
    const to = shown.get(code(pixels.data, i))
    if (to) pixels.data.set(to, i)
  }
  pen.putImageData(pixels, 0, 0)
  return canvas.convertToBlob()
}
