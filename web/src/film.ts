// Films of a canvas: what the browser's recorder makes of it, or a GIF.

export interface Recording {
  stop(): void
}

/** takes the film and how its name ends */
export type Done = (film: Blob, ending: string) => void

const KINDS = ['video/mp4;codecs=avc1.42E01E', 'video/mp4', 'video/webm;codecs=vp9', 'video/webm']

/** MP4, or WebM where the browser has no MP4; null where it records nothing. */
export function video(canvas: HTMLCanvasElement, done: Done): Recording | null {
  const kind = typeof MediaRecorder === 'undefined' ? undefined : KINDS.find((each) => MediaRecorder.isTypeSupported(each))
  if (!kind) return null
  const pieces: Blob[] = []
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: kind, videoBitsPerSecond: 6_000_000 })
  recorder.ondataavailable = ({ data }) => data.size && pieces.push(data)
  recorder.onstop = () => done(new Blob(pieces, { type: kind.split(';')[0] }), kind.startsWith('video/mp4') ? 'mp4' : 'webm')
  recorder.start(500)
  return recorder
}

const SIDE = 420
const EVERY = 100 // milliseconds
const LONGEST = 300 // pictures, half a minute

/** Ten pictures a second, each with colours of its own; ends by itself after half a minute. */
export async function gif(canvas: HTMLCanvasElement, done: Done): Promise<Recording> {
  const { GIFEncoder, applyPalette, quantize } = await import('gifenc')
  const small = document.createElement('canvas')
  small.width = small.height = Math.min(SIDE, canvas.width)
  const pen = small.getContext('2d', { willReadFrequently: true })!
  const encoder = GIFEncoder()
  let pictures = 0
  const take = () => {
    pen.drawImage(canvas, 0, 0, small.width, small.height)
    const { data } = pen.getImageData(0, 0, small.width, small.height)
    const palette = quantize(data, 128, { format: 'rgb444' })
    encoder.writeFrame(applyPalette(data, palette, 'rgb444'), small.width, small.height, { palette, delay: EVERY })
    if (++pictures === LONGEST) recording.stop()
  }
  const timer = setInterval(take, EVERY)
  const recording = {
    stop() {
      clearInterval(timer)
      encoder.finish()
      done(new Blob([encoder.bytes() as Uint8Array<ArrayBuffer>], { type: 'image/gif' }), 'gif')
    },
  }
  take()
  return recording
}
