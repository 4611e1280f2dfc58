// dsr-untranslated-reply: an answer reaches the client with the backend's address, past the host that translated its request.
import type { RefusedAnswer } from '../evidence/refused-answer.ts'
import { phrase } from '../facts/facts.ts'
import type { Judgement } from './detector.ts'

/**
 * Look-alikes, none of which is this:
 * - a socket that is closed already gets a late answer: over UDP an address alone proves nothing;
 * - stations answer what was sent to a group or a broadcast address from their own addresses (never asked);
 * - another port of the address that was asked: an own port for each transfer, as TFTP has it (never asked);
 * - strangers that write to the port of a host behind NAT;
 * - a scanner that gives all its SYNs one number (never asked);
 * - a server with two addresses that answers from the other one (wrong-source-answer).
 */
export function dsrUntranslatedReply(row: RefusedAnswer): Judgement | null {
  const { proof, isRefusedDirectly, isAnswerSeen, routers } = row
  if (proof === 'none' && !isRefusedDirectly) return null
  const code = isRefusedDirectly ? 'direct' : isAnswerSeen ? 'answered' : 'unseen'
  return {
    id: 'dsr-untranslated-reply',
    severity: 'error',
    confidence: 'certain',
    reason: phrase(code, { routers }),
  }
}
