// What other kernels make of packets that the one at hand judged otherwise: a sentence for each trait, and for each trial.
import { type Kernel, RELEASES, releasesWith, type Traits } from '../../conntrack/kernel.ts'
import type { FrameReference } from '../facts/facts.ts'
import type { Judged, KernelTrial } from '../facts/kernel-trial.ts'
import { counted } from './wording.ts'

/** A sentence about other kernels, and the frames that it is about; none where nothing was replayed as they do. */
export interface OtherKernels {
  text: string
  /** The first few. */
  frames: readonly FrameReference[]
}

/** What a kernel with the trait lets pass. */
const PASSES: Partial<Record<keyof Traits, string>> = {
  tcpIgnoresOutOfWindow: 'a segment a little beyond the window, or below it',
  tcpLenientRst: 'a RST of a closing connection, below what is acknowledged',
}

/** What a trait comes to that packets met, where they were not replayed without it. @param kernel whose conntrack was replayed */
export function otherKernels(trait: keyof Traits, kernel: Kernel): OtherKernels {
  const has = kernel.traits[trait]
  const here = `Linux ${kernel.release}, as replayed,`
  const others = releasesWith(trait, !has)
  const text = has
    ? `${PASSES[trait]}: ${here} lets it pass, ${others} it is INVALID`
    : `${PASSES[trait]}: ${here} calls it INVALID, ${others} it passes`
  return { text, frames: [] }
}

/** How many connections of all would be judged otherwise. @param kernel whose conntrack was replayed */
export function countedOtherwise(trait: keyof Traits, connections: number, kernel: Kernel): string {
  const has = kernel.traits[trait]
  const [here, there] = has ? ['passes here', 'is INVALID'] : ['is INVALID here', 'passes']
  return `${counted(connections, 'connection')} ${connections === 1 ? 'has' : 'have'} ${PASSES[trait]}, which ${here} and ${there} on Linux ${releasesWith(trait, !has)}`
}

/** What some releases made of the packets. @param kernel whose conntrack was replayed beside */
export function triedKernels({ releases, refused, passed }: KernelTrial, kernel: Kernel): OtherKernels[] {
  const said = (judged: Judged, there: [one: string, many: string], here: string): OtherKernels[] => {
    const { count, frames } = judged
    if (count === 0) return []
    const verb = count === 1 ? there[0] : there[1]
    const what = `${counted(count, 'packet')} of these connections ${verb}`
    return [
      { text: `on Linux ${named(releases)} ${what}; on ${kernel.release}, as replayed, ${here}`, frames },
    ]
  }
  return [
    ...said(refused, ['is INVALID', 'are INVALID'], refused.count === 1 ? 'it passes' : 'they pass'),
    ...said(passed, ['passes', 'pass'], passed.count === 1 ? 'it is INVALID' : 'they are INVALID'),
  ]
}

/** Neighbours, oldest first: `5.15 and older`, `6.1 and newer`, `5.10.262`, `6.1 to 6.18`. */
function named(releases: readonly string[]): string {
  const [first = '', last = ''] = [releases[0], releases.at(-1)]
  if (first === RELEASES[0]) return `${last} and older`
  if (last === RELEASES.at(-1)) return `${first} and newer`
  return first === last ? first : `${first} to ${last}`
}
