// Worse captures of the runs in `wild` below CTPCAP_CORPUS.
import { describeWorseCaptures } from '../support/worse-captures.ts'

describeWorseCaptures('wild')
