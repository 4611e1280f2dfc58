// What a detector says of one row of facts: which finding it is, how sure that is, and why.
import type { Case } from '../facts/collector.ts'

export type Judgement = Pick<Case, 'id' | 'severity' | 'confidence' | 'reason'>
