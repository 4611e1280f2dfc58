// The words of idle-timeout-remapped.
import { checkTimeout, keepLonger, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const idleTimeoutRemapped: Wording = {
  title: () => 'Host forgot an idle connection and gave it another source port',
  cause: () =>
    'the entry was gone: it expires while a connection is idle, unless it was deleted; the next packet opened a new one, for which NAT chose another port',
  fix: keepLonger,
  check: checkTimeout,
  ...UNTRANSLATED,
}
