// What the findings of a client that meets itself have in common: the steps.
import { end, type Wording } from './wording.ts'

export const HAIRPIN_STEPS: Wording['steps'] = {
  'request-syn': values => `SYN to ${end(values, 'server')}`,
  'to-itself': values => `SYN from ${end(values, 'client')} to itself, repeated and never answered`,
}
