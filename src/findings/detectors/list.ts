// All findings in one order, and which of them explains which away: the place where a finding is added.

import { isOneEnd } from '../evidence/flow-forms.ts'
import { type Facts, FINDING_IDS, type FindingId, SEVERITIES } from '../facts/facts.ts'

interface Explanation {
  /** The finding that takes the place of the other. */
  by: FindingId
  /** The one that is not told then. */
  instead: FindingId
  when(by: Facts, instead: Facts): boolean
}

const EXPLANATIONS: readonly Explanation[] = [
  // a try of which a packet was not captured tells less of the same flow
  { by: 'asymmetric-same-bridge-return', instead: 'dsr-untranslated-reply', when: areOfSameClients },
  // behind the translation another host's connection looks as an earlier one of the same port
  { by: 'foreign-challenge-ack', instead: 'port-reuse', when: areOfSameClients },
  // who comes when no port is left is lost as with a full table
  { by: 'snat-port-pressure', instead: 'conntrack-table-full', when: haveNoPorts },
  // what the model says of the table is surer than what the packets let guess, unless they contradict it
  {
    by: 'conntrack-table-full',
    instead: 'conntrack-table-full',
    when: (by, instead) => isModelled(by) && !isModelled(instead) && !isContradicted(by, instead),
  },
  {
    by: 'conntrack-table-full',
    instead: 'conntrack-table-full',
    when: (by, instead) => !isModelled(by) && isModelled(instead) && isContradicted(instead, by),
  },
]

/** Leaves away what another finding explains; the gravest first, and equals in the order of FINDING_IDS. */
export function inOrder(found: readonly Facts[]): Facts[] {
  return found
    .filter(facts => !isExplained(facts, found))
    .sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || rank(a) - rank(b))
}

function isExplained(facts: Facts, found: readonly Facts[]): boolean {
  return EXPLANATIONS.some(
    ({ by, instead, when }) =>
      facts.id === instead && found.some(other => other !== facts && other.id === by && when(other, facts)),
  )
}

function rank({ id }: Facts): number {
  return FINDING_IDS.indexOf(id)
}

/** Whether one finding tells of all clients that the other has. */
function areOfSameClients(by: Facts, instead: Facts): boolean {
  return instead.flows.every(({ client }) =>
    by.flows.some(other => client !== null && other.client !== null && isOneEnd(client, other.client)),
  )
}

/** Whether connections were lost for want of a port, and all these flows go where that was. */
function haveNoPorts(pressure: Facts, full: Facts): boolean {
  const refusing = pressure.flows.slice(0, Number(pressure.values.refusing))
  return full.flows.every(({ server }) => refusing.some(place => isOneEnd(place.server, server)))
}

function isModelled({ values }: Facts): boolean {
  return values.by !== undefined
}

/** Whether the packets are surer than the model. */
function isContradicted(model: Facts, packets: Facts): boolean {
  return model.confidence === 'possible' && packets.confidence !== 'possible'
}
