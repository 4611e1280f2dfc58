// The words of dns-race: a fault where a query was lost, a remark where pairs were exposed alone.
import type { Values } from '../facts/facts.ts'
import { advice, counted, number, seconds, type Wording } from './wording.ts'

export const dnsRace: Wording = {
  title: ({ severity, values }) =>
    severity === 'info'
      ? `DNS queries in pairs could race for one entry; none was lost (${counted(number(values, 'pairs'), 'pair')})`
      : 'DNS query lost beside its twin: the client asked again seconds later',
  cause: ({ severity }) =>
    severity === 'info'
      ? 'two queries leave one socket at the same moment, as resolvers ask for A and AAAA, and both find no entry: some kernels drop one'
      : 'two queries leave one socket at the same moment, as resolvers ask for A and AAAA; both make a new entry, and ' +
        'where the kernel cannot resolve the clash, the second to be confirmed is dropped (insert_failed of `conntrack -S`)',
  fix: ({ severity }) =>
    severity === 'info'
      ? [
          advice(
            'none needed; single-request-reopen among the options of resolv.conf (glibc) keeps them apart',
          ),
        ]
      : [
          advice(
            'single-request-reopen (or use-vc) among the options of resolv.conf; glibc alone knows them',
          ),
          advice(
            'or a resolver on the node that is asked without translation (NodeLocal DNSCache, which has what pods and the node ask it untracked)',
          ),
        ],
  check: ({ severity }) => (severity === 'info' ? [] : [advice('insert_failed grows', 'conntrack -S')]),
  reasons: {
    proven: values => `one query was seen to leave the host, its twin was not${share(values)}`,
    routed: values => `${waited(values)}; a router had passed both on${share(values)}`,
    again: values => `${waited(values)}, again and again${share(values)}`,
    once: values => `${waited(values)}${share(values)}`,
    exposed: () => 'both queries of each pair were seen within a millisecond',
  },
  steps: {
    query: values => `query ${id(values)}${fate(values)}`,
    'second-query': values =>
      `query ${id(values)}${fate(values)}, ${number(values, 'microseconds')} µs later`,
    repeated: values => `query ${id(values)} once more, answered`,
  },
}

function waited(values: Values): string {
  return `one query was answered, its twin was not, until it was repeated ${seconds(number(values, 'wait'), 1)} s later`
}

function share(values: Values): string {
  return `; ${number(values, 'lookups')} lost of ${number(values, 'exposed')} pairs that left one socket within a millisecond`
}

function fate({ isLost }: Values): string {
  return isLost === true ? ', lost' : ', answered'
}

function id(values: Values): string {
  return `0x${number(values, 'id').toString(16).padStart(4, '0')}`
}
