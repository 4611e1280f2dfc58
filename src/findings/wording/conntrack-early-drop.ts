// The words of conntrack-early-drop.
import { enlarge } from './conntrack-table-full.ts'
import { advice, counted, number, type Wording } from './wording.ts'

export const conntrackEarlyDrop: Wording = {
  title: ({ values }) =>
    `Conntrack table full: early drop evicted ${counted(number(values, 'earlyDrops'), 'entry', 'entries')}`,
  countsItself: true,
  cause: () =>
    'the kernel evicts what is not ASSURED in the first of eight buckets that has any (early_drop of `conntrack -S`): ' +
    'replies to the flows evicted are NEW or INVALID afterwards',
  fix: ({ values }) => enlarge(values),
  check: () => [advice('early_drop grows', 'conntrack -S')],
  reasons: {
    model: () =>
      'as many entries were live as nf_conntrack_max allows; which of them go depends on the hash of the host: those named went by the model',
  },
  steps: { evicted: () => 'packets that found the table full, and for which entries went' },
}
