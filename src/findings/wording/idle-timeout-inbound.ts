// The words of idle-timeout-inbound.
import { checkTimeout, isOfDatagrams, keepLonger, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const idleTimeoutInbound: Wording = {
  title: facts =>
    isOfDatagrams(facts)
      ? 'Host forgot an idle UDP flow and refuses what comes in for it'
      : 'Host forgot an idle masqueraded connection and reset it',
  cause: () =>
    'the entry was gone: it expires while a connection is idle, unless it was deleted; without it the packet from outside is for the host itself, which has no such socket',
  fix: keepLonger,
  check: checkTimeout,
  ...UNTRANSLATED,
}
