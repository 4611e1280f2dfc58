// Facts of a finding as a detector would have them, for tests of what is made of them.
import { type Facts, type FindingId, type FlowFacts, phrase } from '../../src/findings/facts/facts.ts'

/** Facts of one flow, without packets; `more` says what else is known. */
export function bareFacts(id: FindingId, flow: FlowFacts, more: Partial<Facts> = {}): Facts {
  return {
    id,
    severity: 'error',
    confidence: 'likely',
    reasons: [phrase('')],
    flows: [flow],
    flowCount: 1,
    occurrences: 1,
    firstTime: 0,
    lastTime: 0,
    frames: [],
    steps: [],
    points: [],
    values: {},
    rules: [],
    isOpen: false,
    ...more,
  }
}
