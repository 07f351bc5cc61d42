/** Where the page is, by the part of the address behind #: `/`, `/new`, `/run/NAME`, `/run/NAME/explore?...`, `/compare/NAME/NAME...`. */
class Route {
  parts = $state(read())

  constructor() {
    addEventListener('hashchange', () => {
      this.parts = read()
      scrollTo(0, 0)
    })
  }
}

function read(): string[] {
  return location.hash.replace(/^#/, '').split('?')[0].split('/').filter(Boolean).map(decoded)
}

/** An address that somebody typed may hold a % of its own. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const link = (...parts: string[]) => `#/${parts.map(encodeURIComponent).join('/')}`
export const picture = (run: string, file: string) => `/api/runs/${encodeURIComponent(run)}/previews/${encodeURIComponent(file)}`
export const route = new Route()
