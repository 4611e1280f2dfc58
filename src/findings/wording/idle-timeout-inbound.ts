// The words of idle-timeout-inbound.
import { checkTimeout, keepLonger, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const idleTimeoutInbound: Wording = {
  title: () => 'Host forgot an idle masqueraded connection and reset it',
  cause: () =>
    'the entry was gone: it expires while a connection is idle, unless it was deleted; without it the packet from outside is for the host itself, which has no such socket',
  fix: keepLonger,
  check: checkTimeout,
  ...UNTRANSLATED,
}
