// What a page asks the studio for. A wrong wish is answered with one line, which is what the error says.

export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message)
  }
}

/** The answer; throws Refused with the studio's own words. */
export async function request(path: string, init?: RequestInit): Promise<Response> {
  const answer = await fetch(path, init).catch(() => {
    throw new Refused('the studio does not answer: is `sparring studio` still running?', 0)
  })
  if (answer.ok) return answer
  const said = await answer.json().catch(() => ({}))
  throw new Refused(said.error ?? `the studio answered ${answer.status} ${answer.statusText}`, answer.status)
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json()
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return (await request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json()
}

/** A part of an address, for names that hold anything. */
export const part = encodeURIComponent
