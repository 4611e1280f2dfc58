// What the findings of refused answers have in common: reasons and steps.
import type { Wording } from './wording.ts'
import { end } from './wording.ts'

export const REFUSED_REASONS = {
  direct:
    'the request came through a router (its TTL and hardware address), the refusal of the answer straight from the client',
  answered: 'the answer comes from an address the client did not ask, and acknowledges its request',
  unseen:
    'the client resets, with the number its request would be answered with, a connection that it never opened',
} as const

export const REFUSED_STEPS: Wording['steps'] = {
  'request-syn': values => `SYN to ${end(values, 'server')}`,
  'request-datagram': values => `datagram to ${end(values, 'server')}`,
  'translated-syn': values => `SYN at ${end(values, 'backend')}, translated`,
  'translated-datagram': values => `datagram at ${end(values, 'backend')}, translated`,
  answer: values => `answer from ${end(values, 'backend')}`,
  reset: values => `RST of the client to ${end(values, 'backend')}`,
  unreachable: values => `port unreachable from the client to ${end(values, 'backend')}`,
}
