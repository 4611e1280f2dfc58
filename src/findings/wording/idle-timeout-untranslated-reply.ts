// The words of idle-timeout-untranslated-reply.
import { checkTimeout, keepLonger, UNTRANSLATED } from './untranslated.ts'
import type { Wording } from './wording.ts'

export const idleTimeoutUntranslatedReply: Wording = {
  title: () =>
    'after a pause the host had forgotten a translated connection, and its packets went on untranslated',
  cause: () =>
    'the entry expired while the connection was idle; the next packet opened one without the translation',
  fix: keepLonger,
  check: checkTimeout,
  ...UNTRANSLATED,
}
