// The words of invalid-leak-private-source.
import type { Facts } from '../facts/facts.ts'
import { checkInvalid, invalidRemedies, UNTRANSLATED } from './untranslated.ts'
import { advice, type Wording } from './wording.ts'

export const invalidLeakPrivateSource: Wording = {
  title: () => 'Packets left with their inside source address: NAT skipped them',
  cause: facts =>
    isClosedLate(facts)
      ? 'the entry was gone: it expires while a connection is idle, and by default a minute or two after the FIN of one side ' +
        '(CLOSE_WAIT 60 s, FIN_WAIT 120 s). ' +
        'A FIN or RST makes no new one, so it is INVALID, and NAT leaves INVALID packets alone'
      : 'the segment was INVALID for conntrack (outside the TCP window), and NAT leaves INVALID packets alone',
  fix: facts => {
    const [drop, letPass] = invalidRemedies(facts, 'FORWARD')
    const closeSooner = advice('or have programs close a connection soon after their peer has')
    return [drop, isClosedLate(facts) ? closeSooner : letPass]
  },
  check: checkInvalid,
  ...UNTRANSLATED,
}

function isClosedLate({ reasons }: Facts): boolean {
  return reasons[0]?.code === 'closed-late'
}
