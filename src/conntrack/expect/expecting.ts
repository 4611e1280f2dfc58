// What a helper has at hand: the tuples of its entry, and flows to announce; nf_ct_expect_init(), nf_conntrack_expect_policy.
import type { Context } from '../context.ts'
import type { HelperName } from '../helper-assignment.ts'
import { KIND_IPV6 } from '../tuple.ts'
import type { Added, Expectations } from './expectations.ts'

/** Of each class of a helper: flows that an entry may expect at once, and for how many seconds. */
const POLICIES: Readonly<Record<HelperName, readonly { most: number; lifetime: number }[]>> = {
  ftp: [{ most: 1, lifetime: 300 }],
  tftp: [{ most: 1, lifetime: 300 }],
  irc: [{ most: 8, lifetime: 300 }],
  pptp: [{ most: 2, lifetime: 300 }],
  // signalling, audio, video, image
  sip: [
    { most: 1, lifetime: 180 },
    { most: 4, lifetime: 180 },
    { most: 4, lifetime: 180 },
    { most: 2, lifetime: 180 },
  ],
  amanda: [{ most: 4, lifetime: 180 }],
  sane: [{ most: 1, lifetime: 300 }],
  'netbios-ns': [{ most: 1, lifetime: 3 }],
  snmp: [{ most: 1, lifetime: 30 }],
}

/** A flow to announce. */
export interface Announcement {
  protocol: number
  /** Words of the addresses; no source: any. */
  source: readonly number[] | null
  /** Bits of the source that tell; none: all. */
  mask?: readonly number[]
  /** The port or key that it comes from; none: any. */
  sourcePort?: number
  destination: readonly number[]
  port: number
  class?: number
  /** EXPECT_*. */
  flags?: number
  /** The helper that the flow gets. */
  assigns?: HelperName
  /** Whether the same one of another entry is as good. */
  ofAny?: boolean
}

export class Expecting {
  readonly context: Context
  readonly expectations: Expectations

  constructor(context: Context, expectations: Expectations) {
    this.context = context
    this.expectations = expectations
  }

  /** Expects a flow that entry `ct`, which has `helper`, announced. kernel: nf_ct_expect_related() */
  expect(ct: number, helper: HelperName, announced: Announcement): Added {
    const { table, jiffies } = this.context
    const {
      protocol,
      mask = null,
      sourcePort = null,
      class: own = 0,
      flags = 0,
      assigns = null,
      ofAny,
    } = announced
    const { most, lifetime } = POLICIES[helper][own]
    const wanted = {
      master: ct,
      helper,
      kind: (table.kind(ct) & ~0xff) | protocol,
      source: announced.source,
      mask,
      sourcePort,
      destination: announced.destination,
      port: announced.port,
      class: own,
      flags,
      assigns,
      deadline: (jiffies + lifetime * table.hz) | 0,
    }
    return this.expectations.add(wanted, most, jiffies, ofAny)
  }

  /** Jiffies for which the expectations of a helper last. */
  lifetimeOf(helper: HelperName): number {
    return POLICIES[helper][0].lifetime * this.context.table.hz
  }

  /** The words of the source or the destination address of a direction. */
  addressOf(ct: number, direction: number, isSource: boolean): number[] {
    const { table } = this.context
    const key = ct * 2 + direction
    const word = (i: number): number => (isSource ? table.sourceWord(key, i) : table.destinationWord(key, i))
    return table.kind(ct) < KIND_IPV6 ? [word(0)] : [word(0), word(1), word(2), word(3)]
  }

  /** The port of the source or the destination of a direction. */
  portOf(ct: number, direction: number, isSource: boolean): number {
    const ports = this.context.table.ports(ct * 2 + direction)
    return isSource ? ports >>> 16 : ports & 0xffff
  }
}

/** Whether two addresses of one family are the same. */
export function isSameAddress(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i])
}
