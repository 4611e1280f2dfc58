// The words of invalid-leak-private-source.
import { checkInvalid, dropInvalid, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const invalidLeakPrivateSource: Wording = {
  title: () => 'packets left with the source they have inside: NAT did not translate them',
  cause: () =>
    'the segment was INVALID for conntrack (outside the TCP window), and NAT leaves INVALID packets alone',
  fix: dropInvalid,
  check: checkInvalid,
  ...UNTRANSLATED,
}
