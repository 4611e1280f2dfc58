// The words of invalid-leak.
import { checkInvalid, invalidRemedies, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const invalidLeak: Wording = {
  title: () => 'INVALID reply passed NAT untranslated; the client reset the connection',
  cause: () =>
    'the segment was outside the TCP window: INVALID, so NAT left its source alone. The client knows no connection with ' +
    'that address and sends a RST, which reaches the server untranslated and ends its socket',
  fix: facts => invalidRemedies(facts, 'FORWARD'),
  check: checkInvalid,
  ...UNTRANSLATED,
}
