// The words of mid-stream-pickup.
import { advice, counted, type Wording } from './wording.ts'

export const midStreamPickup: Wording = {
  title: ({ flowCount }) =>
    `${counted(flowCount, 'TCP connection begins', 'TCP connections begin')} without a SYN`,
  countsItself: true,
  cause: () =>
    'open before the capture began, its start was not captured, or its entry was gone by then ' +
    '(nf_conntrack_tcp_loose takes it up): which side opened it, its window scale and its translation are unknown, ' +
    'and until the other side is heard it is kept for 300 s',
  fix: () => [
    advice('none needed where the capture began later than the connection; no sign of an outage by itself'),
  ],
  check: () => [],
  reasons: { 'no-syn': () => 'its entry was made by a packet other than a SYN' },
  steps: {},
}
