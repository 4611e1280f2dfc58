// The words of dsr-untranslated-reply.
import type { Facts, FlowFacts, Phrase, Values } from '../facts/facts.ts'
import { conntrack, type EntryMatch } from './conntrack-command.ts'
import { SENT_BACK_REASONS, SENT_BACK_STEPS } from './lan-reflection.ts'
import { masqueradeRules } from './masquerade.ts'
import { REFUSED_REASONS, REFUSED_STEPS } from './refused-answer.ts'
import {
  addressText,
  advice,
  adviceFor,
  firstFlow,
  HOST,
  isEndpoint,
  type Place,
  placeOf,
  text,
  type Wording,
} from './wording.ts'

export const dsrUntranslatedReply: Wording = {
  title: () => "Reply bypasses NAT: it reaches the client with the backend's address",
  cause: () =>
    'only the host that translated the request can translate the reply back; the reply did not pass there: it took ' +
    'another path, or a bridge switched it straight to the client',
  fix: facts => [
    adviceFor(
      translator(facts),
      `masquerade on the host that translates${whoTranslates(facts)}, so that answers come back through it`,
      // where another host translates nothing is known of its interfaces
      ...masqueradeRules(translator(facts).role === 'host' ? facts : { ...facts, values: {} }),
    ),
    advice('or route the answers of the backend back through that host'),
  ],
  check: facts => {
    const flow = firstFlow(facts)
    return [
      adviceFor(
        translator(facts),
        'on the host that translates: the entry stays [UNREPLIED]',
        ...(flow === null ? [] : [conntrack('-L', entryOf(flow))]),
      ),
    ]
  },
  reasons: {
    direct: values => REFUSED_REASONS.direct + elsewhere(values),
    answered: values => REFUSED_REASONS.answered + elsewhere(values),
    switched: () => REFUSED_REASONS.answered,
    'sent-back': values => SENT_BACK_REASONS['sent-back'](values),
    unseen: values => REFUSED_REASONS.unseen + elsewhere(values),
  },
  steps: { ...REFUSED_STEPS, ...SENT_BACK_STEPS },
}

/** By whom was asked; where only the answerer is known, by that. */
function entryOf({ protocol, client, server, translated }: FlowFacts): EntryMatch {
  return translated === null
    ? { protocol, source: client, replySource: server }
    : { protocol, source: client, destination: server }
}

/** The node that objects name; the host that was captured, where it sent the requests back or its own rules translate them. */
function translator({ reasons, rules, flows, values }: Facts): Place {
  if (isEndpoint(values.translator) && isOtherNode(reasons)) return placeOf('gateway', values.translator)
  const isHere = rules.length > 0 || reasons[0]?.code === 'sent-back'
  if (isHere) return HOST
  const flow = flows[0] ?? null
  return placeOf('gateway', flow === null || flow.translated === null ? null : flow.server)
}

/** Who that is, as far as the flow tells: the host that was asked, or whom packets for it are routed to. */
function whoTranslates(facts: Facts): string {
  const flow = firstFlow(facts)
  const node = nodeIn(facts.reasons)
  if (node !== '') return ` (node ${node})`
  return flow === null || flow.translated === null
    ? ''
    : ` (${addressText(flow.server)}, or who routes for that address)`
}

function isOtherNode(reasons: readonly Phrase[]): boolean {
  return reasons.some(({ code }) => code === 'other-node-translates')
}

/** The node that translates, by objects; `''` where they do not tell. */
function nodeIn(reasons: readonly Phrase[]): string {
  const told = reasons.find(({ code }) => code === 'other-node-translates' || code === 'node-translates')
  return told === undefined ? '' : text(told.values, 'node')
}

function elsewhere({ routers }: Values): string {
  return typeof routers === 'number' && routers > 1
    ? `; ${routers} routers lay between, so another host than the client's gateway translated`
    : ''
}
