// The words of recycled-address.
import { addressText, advice, answererOf, type Wording } from './wording.ts'

export const recycledAddress: Wording = {
  title: () => "Peer's address was given to another host, which refused the connection",
  cause: () =>
    'the address was given to another host (a new pod, a recreated container) while a connection, or a translation ' +
    'to it, was still kept: its packets reach a host that does not know the connection',
  fix: facts => {
    const server = answererOf(facts)
    return [
      advice(
        'delete its entries when an address is given up, before another station gets it',
        ...(server === null
          ? []
          : [
              `conntrack -D --orig-dst ${addressText(server)}`,
              `conntrack -D --reply-src ${addressText(server)}`,
            ]),
      ),
      advice('or wait longer before an address is given out again'),
    ]
  },
  check: facts => {
    const server = answererOf(facts)
    return server === null ? [] : [advice('who has the address now', `ip neigh show ${addressText(server)}`)]
  },
  reasons: {
    'other-station': () =>
      'the RST comes from another hardware address than the SYN-ACK, both straight from the host',
    'next-station': () => 'the SYN was not answered by one station, and refused by the next with its address',
  },
  steps: {
    'syn-ack': () => 'SYN-ACK of the station that had the address',
    data: () => 'data for it',
    'other-reset': () => 'RST of another station with that address',
    syn: () => 'SYN to the station that had the address',
    'other-syn': () => 'SYN to another station with that address',
    reset: () => 'RST of that station',
  },
}
