// The words of conntrack-table-full: by the packets, or by the model of a table with a maximum.
import type { Values } from '../facts/facts.ts'
import { advice, adviceFor, counted, grouped, MACHINE, number, type Wording } from './wording.ts'

export const conntrackTableFull: Wording = {
  title: ({ values }) => {
    switch (values.by) {
      case 'excess':
        return `Traffic needs ${counted(number(values, 'peak'), 'entry', 'entries')} at once, nf_conntrack_max is ${grouped(number(values, 'maximum'))}${outside(values)}: passed at ${instant(number(values, 'time'))}`
      case 'refusal':
        return `Conntrack table full: ${counted(number(values, 'packets'), 'packet')} of ${counted(number(values, 'connections'), 'connection')} refused from ${instant(number(values, 'time'))} on`
      default:
        return 'Host loses new connections, one after another'
    }
  },
  cause: ({ values }) =>
    values.by === undefined
      ? 'that is how a full conntrack table looks ("nf_conntrack: table full, dropping packet"): ' +
        'the first packet of a connection that needs a new entry is dropped'
      : 'more entries live at once than the table may hold: the kernel evicts entries that are not ASSURED, and where ' +
        'it finds none drops the first packet of every new connection ("nf_conntrack: table full, dropping packet")',
  fix: ({ values }) =>
    values.by === undefined
      ? [
          adviceFor(
            MACHINE,
            'more room, once it is sure: twice what is there',
            'sysctl -w net.netfilter.nf_conntrack_max=$(( 2 * $(sysctl -n net.netfilter.nf_conntrack_max) ))',
          ),
        ]
      : enlarge(values),
  check: () => [
    advice('"table full, dropping packet"', 'dmesg | grep nf_conntrack'),
    advice('drop and early_drop grow', 'conntrack -S'),
  ],
  reasons: {
    streak: values => streak(values),
    'default-maximum': values =>
      `nf_conntrack_max was not given, so the kernel's default ${grouped(number(values, 'maximum'))} is assumed; this host may have had more room (--sysctl FILE)`,
    refused: values =>
      `${room(values)}, as many were live, and the capture shows nothing of the refused connections but their first packets`,
    contradicted: values => {
      const unsent = number(values, 'unsent')
      const passed = number(values, 'passed')
      const shown = [
        ...(unsent > 0 ? [`${unsent} further packets of refused connections`] : []),
        ...(passed > 0 ? [`${passed} refused packets leave the host`] : []),
      ]
      return `${room(values)}, and as many were live by the model; but the capture shows ${shown.join(', and ')}: there the host that was captured had room`
    },
  },
  steps: {
    'syn-stays': () => 'a SYN comes in, and does not leave the host',
    repeated: () => 'it is repeated, and does not leave either',
    excess: () => 'first packets of connections for which there was no room',
    refused: () => 'the first packet of a connection finds the table full, and is refused',
    'refused-again': () => 'it is sent again, and refused again',
    unsent: () => 'packets that a refused connection would not have',
  },
}

/** What the sizing of the same traffic advises. */
export function enlarge(values: Values): ReturnType<Wording['fix']> {
  const { buckets } = values
  return [
    adviceFor(
      MACHINE,
      'a larger table',
      `sysctl -w net.netfilter.nf_conntrack_max=${number(values, 'advised')}`,
      ...(typeof buckets === 'number' ? [`sysctl -w net.netfilter.nf_conntrack_buckets=${buckets}`] : []),
    ),
    advice('or shorter timeouts: `ctpcap size` with the same captures says how much exactly, and which'),
  ]
}

function room(values: Values): string {
  const left = number(values, 'maximum') - number(values, 'outside')
  return `nf_conntrack_max=${number(values, 'maximum')} leaves room for ${counted(left, 'entry', 'entries')}`
}

function outside(values: Values): string {
  const held = number(values, 'outside')
  return held === 0 ? '' : `, of which other traffic holds ${held}`
}

function streak(values: Values): string {
  const how = values.isSure === true ? ', and open ones went on' : ''
  const cut =
    values.isCutShort === true
      ? '; where they had left, nothing more was seen at all: that capture may have ended earlier, but nobody answered them either'
      : ''
  return `${number(values, 'lost')} new connections in a row came in and did not leave, ${number(values, 'forwarded')} others had${how}: a full table drops so, but a rule may, too${cut}`
}

function instant(time: number): string {
  return `+${(time / 1e9).toFixed(3)} s`
}
