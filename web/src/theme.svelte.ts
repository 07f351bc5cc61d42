import { PALETTES, type Theme } from './colours'

const KEPT = 'sparring.theme'
const system = matchMedia('(prefers-color-scheme: dark)')

/** Light or dark: what the user chose, or else what the system says. */
class Dress {
  theme = $state<Theme>((localStorage.getItem(KEPT) as Theme | null) ?? (system.matches ? 'dark' : 'light'))

  constructor() {
    this.put(this.theme)
    system.addEventListener('change', ({ matches }) => {
      if (!localStorage.getItem(KEPT)) this.put(matches ? 'dark' : 'light')
    })
  }

  get palette() {
    return PALETTES[this.theme]
  }

  switch(): void {
    this.put(this.theme === 'dark' ? 'light' : 'dark')
    localStorage.setItem(KEPT, this.theme)
  }

  private put(theme: Theme): void {
    this.theme = theme
    document.documentElement.dataset.theme = theme
  }
}

export const dress = new Dress()
