// What addresses are called, as far as the files given and the captures themselves say.
import type { FrameSource } from '../../capture/frame.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import { type AddressNames, Names } from '../../host/names/names.ts'

/** What of the options gives names. */
export interface GivenNames {
  /** Its objects of Kubernetes win; null where nothing was given of the host. */
  knowledge: Knowledge | null
  /** Those of `--names`, by address. */
  names: AddressNames
}

/** Names for a report; those that a capture has are known when it was read. */
export function namesFor(
  { knowledge, names }: GivenNames,
  { captures }: Pick<FrameSource, 'captures'>,
): Names {
  return new Names(knowledge?.cluster ?? null, [names, ...captures.map(capture => capture.names)])
}
