// One player's move in eight steps, each with a sentence and the numbers of this very move.

import type { Frame } from './protocol'
import type { Game, Slow } from './state.svelte'

export interface Scene {
  on: string[]
  say: string
}

/** The step in which weights change: from here on the plane shows the state after the move. */
export const UPDATE = 6

const percent = (share: number | undefined) => (share === undefined ? '…' : `${(100 * share).toFixed(0)} %`)
const number = (value: number | undefined) => (value === undefined ? '…' : Number(value.toPrecision(3)).toString())

export function moved(before: Frame, after: Frame): number {
  const [p, q] = [before.arrays.fake, after.arrays.fake]
  let sum = 0
  for (let i = 0; i < p.length; i += 2) sum += Math.hypot(q[i] - p[i], q[i + 1] - p[i + 1])
  return sum / (p.length / 2)
}

export function scenes(game: Game, slow: Slow): Scene[] {
  const value = (path: string) => String(game.value(path) ?? '')
  const { before, after, player } = slow
  const batch = value('batch')
  const terms = Object.entries(after?.losses ?? {}).filter(([name]) => name.startsWith(`${player}/`) && !name.endsWith('/gradient'))
  const loss = terms.map(([name, v]) => `${name.split('/')[1]} ${number(v)}`).join(' and ') || '…'
  const gradient = number(after?.losses[`${player}/gradient`])
  const step = (optimizer: string) => `${value(`${optimizer}.kind`)} at a learning rate of ${value(`${optimizer}.lr`)}`
  const times = slow.moves > 1 ? ` This happens ${slow.moves} times before the other player's turn.` : ''

  if (player === 'discriminator') {
    return [
      { on: ['noise'], say: `Chance draws ${batch} times ${value('game.noise')} random numbers.${times}` },
      { on: ['noise', 'noise-generator', 'generator', 'generator-fake', 'fake'], say: `The generator, which stands still in this move, turns them into ${batch} points.` },
      { on: ['real', 'fake', 'real-discriminator', 'fake-discriminator'], say: `The discriminator is shown these, and ${batch} real points.` },
      { on: ['discriminator', 'discriminator-score', 'score'], say: `It scores each. So far it is right about ${percent(before.accuracy?.real)} of real and ${percent(before.accuracy?.fake)} of generated points.` },
      { on: ['score', 'score-loss', 'loss'], say: `The loss says how wrong the scores are: ${loss}.` },
      { on: ['loss', 'loss-discriminator'], say: `The gradient tells each of its weights which way the loss falls. Its length is ${gradient}.` },
      { on: ['loss-discriminator', 'discriminator'], say: `Every weight takes a small step: ${step('game.discriminator_optimizer')}. The map changes; the points stay.` },
      { on: ['discriminator', 'score'], say: `It was right about ${percent(before.accuracy?.all)} of all points; now about ${percent(after?.accuracy?.all)}.` },
    ]
  }
  if (player === 'generator') {
    const pairs = value('game.objective') === 'relativistic'
    const wrong = (frame: Frame | null) => percent(frame?.accuracy && 1 - frame.accuracy.fake)
    return [
      { on: ['noise'], say: `Chance draws ${batch} times ${value('game.noise')} random numbers.` },
      { on: ['noise', 'noise-generator', 'generator', 'generator-fake', 'fake'], say: `The generator turns them into ${batch} points.` },
      { on: ['fake', 'fake-discriminator', ...(pairs ? ['real', 'real-discriminator'] : []), 'discriminator'], say: `The discriminator, which stands still in this move, looks at them${pairs ? ', and at real ones, for this objective compares pairs' : ''}.` },
      { on: ['discriminator', 'discriminator-score', 'score'], say: `It takes ${wrong(before)} of the generated points for real.` },
      { on: ['score', 'score-loss', 'loss'], say: `The loss says how far the points are from convincing it: ${loss}.` },
      { on: ['loss', 'loss-generator', 'fake'], say: `The gradient runs back through the discriminator to every point, as the arrows show, and on to the weights. There its length is ${gradient}.` },
      { on: ['loss-generator', 'generator', 'generator-fake', 'fake'], say: `Every weight takes a small step: ${step('game.generator_optimizer')}. Points move by ${after ? number(moved(before, after)) : '…'} on average; the map stays.` },
      { on: ['fake', 'discriminator', 'score'], say: `Now the discriminator takes ${wrong(after)} of the generated points for real.` },
    ]
  }
  const far = (frame: Frame | null) => number(frame?.measures?.wasserstein?.value ?? game.measures?.wasserstein?.value)
  return [
    { on: ['real'], say: `${batch} real points are drawn from the set.` },
    { on: ['real', 'real-encoder', 'encoder', 'encoder-codes', 'codes'], say: `The encoder packs each into ${value('game.latent')} numbers: a middle, and how sure it is.` },
    { on: ['codes'], say: 'Chance draws a code near each middle, so that codes nearby must mean points nearby.' },
    { on: ['codes', 'codes-decoder', 'decoder', 'decoder-fake', 'fake'], say: 'The decoder unpacks the codes into points.' },
    { on: ['fake', 'fake-loss', 'real-loss', 'loss'], say: `Reconstruction says how far unpacked points lie from the real ones, divergence how far codes are from plain noise: ${loss}.` },
    { on: ['loss', 'loss-decoder', 'loss-encoder'], say: `The gradient tells each weight of both networks which way the sum falls. Its length is ${gradient}.` },
    { on: ['loss-decoder', 'loss-encoder', 'encoder', 'decoder'], say: `Every weight takes a small step: ${step('game.optimizer')}. Both networks pull the same way; there is no opponent.` },
    { on: ['decoder', 'decoder-fake', 'fake'], say: `Codes drawn from noise now unpack to points at a Wasserstein distance of ${far(after)}; it was ${far(before)}.` },
  ]
}
