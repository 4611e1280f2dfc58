// What other kernels make of packets that the one at hand judged otherwise: a sentence for each trait.
import { type Kernel, releasesWith, type Traits } from '../../conntrack/kernel.ts'

/** What a kernel with the trait lets pass. */
const PASSES: Partial<Record<keyof Traits, string>> = {
  tcpIgnoresOutOfWindow: 'a segment a little beyond the window, or below it',
  tcpLenientRst: 'a RST of a closing connection, below what is acknowledged',
}

/** @param kernel whose conntrack was replayed */
export function otherKernels(trait: keyof Traits, kernel: Kernel): string {
  const has = kernel.traits[trait]
  const here = `Linux ${kernel.release}, as replayed,`
  const others = releasesWith(trait, !has)
  return has
    ? `${PASSES[trait]}: ${here} lets it pass, ${others} it is INVALID`
    : `${PASSES[trait]}: ${here} calls it INVALID, ${others} it passes`
}
