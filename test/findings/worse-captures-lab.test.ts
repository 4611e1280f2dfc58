// Worse captures of the runs in `lab` below CTPCAP_CORPUS.
import { describeWorseCaptures } from '../support/worse-captures.ts'

describeWorseCaptures('lab')
