// What a filter expression says, once it is parsed: the tree between filter-parser.ts and filter-compile.ts (pcap-filter(7)).

export type Direction = 'source' | 'destination' | 'either' | 'both'

/** What stands in the link header's type field. */
export type LinkProtocol = 'ip' | 'ip6' | 'arp' | 'rarp'

export type Relation = '=' | '!=' | '<' | '>' | '<=' | '>='
export type Operator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>'

/** Where the bytes of `tcp[13]` are counted from. */
export type Base = 'ether' | LinkProtocol | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'igmp' | 'icmp6'

export type Expression =
  | { kind: 'and' | 'or'; left: Expression; right: Expression }
  | { kind: 'not'; operand: Expression }
  | { kind: 'link'; protocol: LinkProtocol }
  | { kind: 'ethertype'; type: number }
  /** An IP protocol in packets of one IP version, or of either (family 0). */
  | { kind: 'protocol'; protocol: number; family: 4 | 6 | 0 }
  /** An IPv4 address or network, in the headers of the protocols named. */
  | { kind: 'ipv4'; direction: Direction; address: number; mask: number; inside: LinkProtocol[] }
  | { kind: 'ipv6'; direction: Direction; address: number[]; mask: number[] }
  /** A range of ports, ends included, of any of the IP protocols named. */
  | { kind: 'ports'; direction: Direction; low: number; high: number; protocols: number[] }
  | { kind: 'group'; of: 'broadcast' | 'multicast' | 'ip' | 'ip6' }
  /** A VLAN tag; id -1 is any. Whatever comes after it in the text looks behind the tag. */
  | { kind: 'vlan'; id: number }
  | { kind: 'relation'; relation: Relation; left: Arithmetic; right: Arithmetic }

export type Arithmetic =
  | { kind: 'number'; value: number }
  | { kind: 'length' }
  | { kind: 'load'; base: Base; at: Arithmetic; size: 1 | 2 | 4 }
  | { kind: 'negative'; operand: Arithmetic }
  | { kind: 'operation'; operator: Operator; left: Arithmetic; right: Arithmetic }

/** An expression that is not understood: where, and what was expected there. */
export class FilterError extends Error {
  readonly column: number
  override name = 'FilterError'

  /** @param column the first character that is wrong, counted from 1 */
  constructor(column: number, reason: string) {
    super(`column ${column}: ${reason}`)
    this.column = column
  }
}
