// All findings in one order, and which of them explains which away: the place where a finding is added.

import { sameAddress } from '../../host/files/network.ts'
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
  // an answer past the translation that is not the only one
  { by: 'two-answerers', instead: 'asymmetric-same-bridge-return', when: areOfSameClients },
  { by: 'two-answerers', instead: 'dsr-untranslated-reply', when: areOfSameClients },
  // behind the translation another host's connection looks as an earlier one of the same port
  { by: 'foreign-challenge-ack', instead: 'port-reuse', when: areOfSameClients },
  // who invents sources invents loopback ones, too
  { by: 'syn-flood', instead: 'loopback-source', when: goWhereFloodGoes },
  { by: 'udp-flood', instead: 'loopback-source', when: goWhereFloodGoes },
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

/** What a host does to a connection, and what it looks like on other hosts that the connection passes. */
interface Doing {
  id: FindingId
  /** Whether a host does it by translating the connection, or by no longer doing so. */
  byTranslation: boolean
  elsewhere: readonly FindingId[]
}

const DOINGS: readonly Doing[] = [
  // its answers go past the translation: one direction is missing there, and the client meets a stranger
  {
    id: 'asymmetric-same-bridge-return',
    byTranslation: true,
    elsewhere: ['dsr-untranslated-reply', 'one-way-flow'],
  },
  {
    id: 'dsr-untranslated-reply',
    byTranslation: true,
    elsewhere: ['dsr-untranslated-reply', 'one-way-flow'],
  },
  { id: 'lan-reflection', byTranslation: true, elsewhere: ['dsr-untranslated-reply', 'one-way-flow'] },
  { id: 'reply-other-interface', byTranslation: false, elsewhere: ['one-way-flow'] },
  { id: 'dsr-invalid-drop', byTranslation: false, elsewhere: ['one-way-flow'] },
  // a segment that it did not translate went on to a host without that socket
  { id: 'invalid-leak', byTranslation: true, elsewhere: ['invalid-leak', 'invalid-reset'] },
  {
    id: 'invalid-leak-private-source',
    byTranslation: true,
    elsewhere: ['invalid-leak-private-source', 'invalid-reset'],
  },
  { id: 'invalid-reset', byTranslation: true, elsewhere: ['invalid-reset', 'invalid-leak'] },
  // it forgot the connection in a pause: who went on was reset, or not heard
  { id: 'idle-timeout-inbound', byTranslation: true, elsewhere: ['idle-timeout-inbound', 'idle-gap'] },
  {
    id: 'idle-timeout-untranslated-reply',
    byTranslation: true,
    elsewhere: ['idle-timeout-untranslated-reply', 'idle-gap'],
  },
  { id: 'idle-timeout-remapped', byTranslation: true, elsewhere: ['idle-timeout-remapped', 'idle-gap'] },
  // one of two packets was lost in its table
  { id: 'snat-insert-race', byTranslation: true, elsewhere: ['dns-race'] },
  { id: 'dns-race', byTranslation: true, elsewhere: ['dns-race'] },
  // it sends them to a backend that is gone
  { id: 'stale-mapping', byTranslation: true, elsewhere: ['stale-mapping'] },
]

/** A finding of a host about a connection, and whether that host translates the connection. */
export interface HostFinding {
  id: string
  translates: boolean
}

/**
 * Whether what one host shows of a connection comes of what another does to it. Of the same finding on two hosts the one
 * that translates is the cause, and the other shows it.
 */
export function comesOf(shown: HostFinding, done: HostFinding): boolean {
  if (shown.id === done.id && shown.translates) return false
  return DOINGS.some(
    ({ id, byTranslation, elsewhere }) =>
      id === done.id &&
      (!byTranslation || done.translates) &&
      elsewhere.some(consequence => consequence === shown.id),
  )
}

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

/** Whether all these packets go to what is flooded, whichever of its ports that is. */
function goWhereFloodGoes(flood: Facts, instead: Facts): boolean {
  return instead.flows.every(({ server }) =>
    flood.flows.some(
      ({ server: target }) => server.family === target.family && sameAddress(server.words, target.words),
    ),
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
