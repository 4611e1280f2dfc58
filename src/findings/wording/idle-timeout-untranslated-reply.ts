// The words of idle-timeout-untranslated-reply.
import { checkTimeout, keepLonger, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const idleTimeoutUntranslatedReply: Wording = {
  title: () => 'Host forgot an idle connection; its packets went on untranslated',
  cause: () =>
    'the entry was gone: it expires while a connection is idle, unless it was deleted; the next packet opened one without the translation',
  fix: keepLonger,
  check: checkTimeout,
  ...UNTRANSLATED,
}
