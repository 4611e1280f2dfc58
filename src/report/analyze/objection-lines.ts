// What Kubernetes objects say against the traffic, in lines: of one moment, so that each says which of both may be old.
import type { ObjectionGroup } from '../../findings/detectors/object-check.ts'
import { formatCount, plural, printable } from '../text/format.ts'

/** Lines that the text has of it. */
const NAMED = 8

/** What lets nobody answer contradicts the traffic only where somebody did. */
const FORBIDS: readonly ObjectionGroup['code'][] = [
  'policy',
  'no-port',
  'no-endpoints',
  'no-local-endpoints',
  'outside-ranges',
]

type Say = (flows: string, object: string, detail: string) => string

const SENTENCES: Readonly<Record<ObjectionGroup['code'], Say>> = {
  policy: (flows, object, detail) =>
    `${flows} answered that NetworkPolicy ${object} does not allow (${detail}): policies are not enforced here, or have changed since`,
  'no-port': (flows, object) =>
    `${flows} answered at a port that Service ${object} does not have: it has changed since`,
  'no-endpoints': (flows, object) =>
    `${flows} answered at ${object}, of which no endpoint is ready: one was then, or others translate`,
  'no-local-endpoints': (flows, object, detail) =>
    `${flows} answered at ${object}, which is Local and has no endpoint that is ready on ${detail}: one was then, or others translate`,
  'outside-ranges': (flows, object, detail) =>
    `${flows} of ${detail} answered at ${object}, though that is outside of loadBalancerSourceRanges: they have changed since, or are not enforced`,
  'no-endpoint': (flows, object, detail) =>
    `${flows} to ${detail}, which is no endpoint of ${object}: not any more, or not yet`,
  'not-ready': (flows, object, detail) => `${flows} to ${detail}, an endpoint of ${object} that is not ready`,
  'other-node': (flows, object, detail) =>
    `${flows} to an endpoint of ${object} on ${detail}, though its traffic policy is Local`,
  'source-lost': (flows, object, detail) =>
    `${flows} to ${object} with the source ${detail}, though traffic policy Local keeps the client's`,
  affinity: (flows, object, detail) =>
    `${flows} of ${detail} to another backend of ${object} than before, though sessionAffinity is ClientIP: the first one ended, or the rules were made anew`,
}

/** A line for each kind of contradiction, the most flows first. */
export function objectionLines(groups: readonly ObjectionGroup[]): string[] {
  const told = groups.flatMap(group => {
    const { code, object, detail, answered, firstFrame } = group
    const flows = FORBIDS.includes(code) ? answered : group.flows
    if (flows === 0) return []
    const silent = FORBIDS.includes(code) || answered === flows ? '' : `, ${formatCount(answered)} answered`
    return [
      `${printable(SENTENCES[code](plural(flows, 'flow'), object, detail))}${silent} (frame ${firstFrame})`,
    ]
  })
  return told.length > NAMED
    ? [...told.slice(0, NAMED), `and ${formatCount(told.length - NAMED)} more`]
    : told
}
