// Whether the answer to a translated request was seen with its sender's own address: switched past the translation.

import { addressWord } from '../../net/address.ts'
import type { FlowFacts } from '../facts/facts.ts'
import { isOneEnd } from './flow-forms.ts'
import { SIDE_PACKETS } from './leg-layout.ts'
import type { Legs } from './legs.ts'
import { Observation } from './observation.ts'

/** A packet from one end, to look for legs by. */
const sought = new Observation()

/** Whether a packet from whom a flow was sent to reached its client at any point, as one of its own. */
export function hasDirectAnswer(legs: Legs, { protocol, client, translated }: FlowFacts): boolean {
  if (client === null || translated === null) return false
  const { server } = translated
  sought.family = client.family
  sought.protocol = protocol
  for (const [from, to, direction] of [
    [client, server, 1],
    [server, client, 0],
  ] as const) {
    const [a, b, c, d] = from.words
    sought.sourcePort = from.port
    sought.sourceWord = addressWord(from.family, a, b, c, d)
    sought.source.set(from.words)
    for (const leg of legs.openedBy(sought, false)) {
      if (isOneEnd(legs.responderEnd(leg), to) && legs.side(leg, direction, SIDE_PACKETS) > 0) return true
    }
  }
  return false
}
