// The words of table-file-contradicted.
import { shellWord } from '../../net/shell-word.ts'
import { advice, number, text, type Wording } from './wording.ts'

const times = (what: string): ((values: Parameters<typeof number>[0]) => string) => {
  return values => `${what} (${number(values, 'count')} ×)`
}

export const tableFileContradicted: Wording = {
  title: ({ values }) =>
    values.wasTakenLater === true
      ? `${text(values, 'path')} was taken after the capture began: it lists connections that the capture opens`
      : `Traffic contradicts ${text(values, 'path')}`,
  countsItself: true,
  cause: () => 'the file is of another moment than the start of the capture, of another host or namespace',
  fix: ({ values }) => [
    advice(
      'list the table right before the capture starts, in the network namespace it is taken in',
      `conntrack -L >${shellWord(text(values, 'path'))}`,
    ),
  ],
  check: () => [],
  reasons: {
    packets: () => 'packets of listed connections say otherwise',
    reopened: () => 'most listed connections that a packet met are listed as closed, and opened by it',
  },
  steps: {
    opened: times('a SYN opens a connection that is listed as open'),
    'goes-on': times('data in a connection that is listed as TIME_WAIT'),
    'under-way': times('data from the server in a connection that is listed as SYN_SENT'),
    translation: times('a packet leaves with another translation than is listed'),
    reopened: times('a SYN opens a connection that is listed as closed'),
  },
}
