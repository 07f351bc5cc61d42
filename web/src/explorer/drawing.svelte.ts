import { why } from './ask'

/** A picture that follows what is asked for: one request is on its way, and of those that wait the latest alone. */
export class Drawing {
  url = $state<string | null>(null)
  error = $state('')
  /** for longer than an eye notices */
  slow = $state(false)
  blob: Blob | null = null
  private next: (() => Promise<Blob>) | null = null
  private running = false
  private ended = false

  ask(fetch: () => Promise<Blob>): void {
    this.next = fetch
    if (!this.running) void this.run()
  }

  end(): void {
    this.ended = true
    this.next = null
    if (this.url) URL.revokeObjectURL(this.url)
  }

  private async run(): Promise<void> {
    this.running = true
    const clock = setTimeout(() => (this.slow = true), 400)
    while (this.next) {
      const fetch = this.next
      this.next = null
      try {
        await this.show(await fetch())
        this.error = ''
      } catch (error) {
        this.error = why(error)
      }
    }
    clearTimeout(clock)
    this.slow = this.running = false
  }

  /** Swaps when it is decoded, so that nothing flickers. */
  private async show(blob: Blob): Promise<void> {
    const url = await decoded(blob)
    if (this.ended) return URL.revokeObjectURL(url)
    const before = this.url
    this.url = url
    this.blob = blob
    if (before) setTimeout(() => URL.revokeObjectURL(before), 500)
  }
}

export async function decoded(blob: Blob): Promise<string> {
  const url = URL.createObjectURL(blob)
  const image = new Image()
  image.src = url
  await image.decode().catch(() => {})
  return url
}
