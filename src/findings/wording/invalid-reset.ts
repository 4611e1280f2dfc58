// The words of invalid-reset.
import { checkInvalid, invalidRemedies, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const invalidReset: Wording = {
  title: () => 'Segment outside the TCP window was reset by a host without that socket',
  cause: () =>
    'the segment was INVALID for conntrack, and NAT leaves INVALID packets alone: where the connection is translated (to ' +
    'the port of a sidecar, to a client behind masquerade), it goes to the host itself, which knows no such connection. ' +
    'Whoever has it would have acknowledged the segment',
  fix: facts => invalidRemedies(facts, 'INPUT'),
  check: checkInvalid,
  ...UNTRANSLATED,
}
