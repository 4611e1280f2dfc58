// The words of lan-reflection.
import type { Values } from '../facts/facts.ts'
import { masqueradeRules } from './masquerade.ts'
import {
  addressText,
  advice,
  adviceFor,
  answererOf,
  endText,
  firstFlow,
  number,
  placeOf,
  type Wording,
} from './wording.ts'

/** What is said of requests that are sent back, also where the server is behind another router. */
export const SENT_BACK_REASONS = {
  'sent-back': (values: Values): string =>
    `${number(values, 'packets')} requests left by the interface they came in by, with another destination and their own source; no answer came this way`,
}
export const SENT_BACK_STEPS = {
  'sent-back': (): string => 'requests leave by the interface they came in by: the first and the last',
}

export const lanReflection: Wording = {
  title: () => "DNAT leads back into the client's network; the server answers past the gateway",
  cause: () =>
    "DNAT leads back to the client's own network without source NAT: the server sees the client's address, answers it " +
    'past the gateway with an address of its own, and the client refuses what it did not ask',
  fix: facts => [
    advice(
      'masquerade what is sent back, so that the answer returns through the gateway',
      ...masqueradeRules(facts),
    ),
    advice("or have the name resolve to the server's own address inside (split DNS)"),
  ],
  check: facts => {
    const flow = firstFlow(facts)
    const server = answererOf(facts)
    return flow?.client && server
      ? [
          adviceFor(
            placeOf('client', flow.client),
            `on the client: the answer comes from ${endText(server)}`,
            `tcpdump -ni any host ${addressText(server)} and host ${addressText(flow.client)}`,
          ),
        ]
      : []
  },
  reasons: SENT_BACK_REASONS,
  steps: SENT_BACK_STEPS,
}
