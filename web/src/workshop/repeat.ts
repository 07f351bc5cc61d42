/** Work that is done again and again, after each time the milliseconds that it answers; it sleeps while nobody sees the page. */
export class Repeated {
  private timer: ReturnType<typeof setTimeout> | undefined
  private over = false
  private working = false
  private readonly wake = () => void this.now()

  constructor(private readonly work: () => Promise<number>) {
    document.addEventListener('visibilitychange', this.wake)
    this.timer = setTimeout(this.wake)                   // not at once: an effect that begins this shall not depend on what the work reads
  }

  /** Without waiting, if it is not at work. */
  async now(): Promise<void> {
    clearTimeout(this.timer)
    if (this.over || this.working || document.hidden) return
    this.working = true
    const pause = await this.work()
    this.working = false
    if (!this.over) this.timer = setTimeout(this.wake, pause)
  }

  end(): void {
    this.over = true
    clearTimeout(this.timer)
    document.removeEventListener('visibilitychange', this.wake)
  }
}
