// Entries that a helper was assigned to, and what it makes of their packets: help() of nf_conntrack_ftp.c, tftp_help().
import type { Packet } from '../../packet/packet.ts'
import { UDP_HEADER_LENGTH } from '../../packet/udp.ts'
import type { Context } from '../context.ts'
import { HELPERS, type HelperAssignment } from '../helper-assignment.ts'
import {
  DIRECTION_ORIGINAL,
  DIRECTION_REPLY,
  IPS_EXPECTED,
  IPS_HELPER,
  STATE_ESTABLISHED,
} from '../status.ts'
import { KIND_IPV6, type Tuple } from '../tuple.ts'
import { type Expectation, Expectations } from './expectations.ts'
import { LineEnds, readFtp } from './ftp.ts'

/** Flows that an entry of either helper may expect at once, and for how many seconds. kernel: nf_conntrack_expect_policy */
const MOST = 1
const LIFETIME = 300

const TFTP_READ = 1
const TFTP_WRITE = 2
const NEWLINE = 0x0a

export class Assigned {
  private readonly assignments: readonly HelperAssignment[]
  private readonly context: Context
  private readonly expectations: Expectations
  /** Entries of FTP, with what is known of their lines; entries of TFTP, with null. */
  private readonly masters = new Map<number, LineEnds | null>()

  /** @param maximum nf_conntrack_expect_max */
  constructor(assignments: readonly HelperAssignment[], maximum: number, context: Context) {
    this.assignments = assignments
    this.context = context
    this.expectations = new Expectations(maximum)
  }

  /** Entry `ct` is made for a packet of `tuple`; returns the IPS_* bits that it gets. kernel: init_conntrack() */
  begins(ct: number, tuple: Tuple): number {
    if (this.expectations.take(tuple, this.context.jiffies)) return IPS_EXPECTED
    const protocol = tuple.kind & 0xff
    const assigned = this.assignments.find(
      ({ helper, port }) => HELPERS[helper].protocol === protocol && port === (tuple.ports & 0xffff),
    )
    if (assigned === undefined) return 0
    this.masters.set(ct, assigned.helper === 'ftp' ? new LineEnds() : null)
    return IPS_HELPER
  }

  /** Entry `ct` is no more. */
  ends(ct: number): void {
    if (this.masters.delete(ct)) this.expectations.forget(ct)
  }

  /**
   * Looks at a packet of entry `ct` behind its verdict. kernel: nf_confirm()
   * @returns false when the helper drops it
   */
  help(ct: number, packet: Packet, state: number, direction: number): boolean {
    const lines = this.masters.get(ct)
    if (lines === undefined) return true
    if (lines === null) return this.helpTftp(ct, packet)
    return state === STATE_ESTABLISHED ? this.helpFtp(ct, packet, direction, lines) : true
  }

  private helpFtp(ct: number, packet: Packet, direction: number, lines: LineEnds): boolean {
    const start = packet.transportOffset + packet.tcpHeaderLength
    const length = packet.transportLength - packet.tcpHeaderLength
    // what the capture cut off cannot be read, nor where its last line ends
    if (length <= 0 || packet.transportCaptured < packet.transportLength) return true
    const { bytes } = packet
    if (lines.begins(direction, packet.sequence)) {
      const { table, traits } = this.context
      const reading = readFtp(
        { bytes, start, end: start + length },
        direction,
        table.isIpv6(ct),
        traits.ftpBoundedNumbers,
      )
      if (reading === 'partial') return false
      if (reading !== 'none') {
        const own = this.addressOf(ct, direction, true)
        const address = reading.address ?? own
        // somewhere else: only with the module's parameter loose=1
        if (address.every((word, i) => word === own[i]) && !this.expect(ct, 1 - direction, reading.port))
          return false
      }
    }
    if (bytes[start + length - 1] === NEWLINE) lines.note(direction, (packet.sequence + length) | 0)
    return true
  }

  private helpTftp(ct: number, packet: Packet): boolean {
    if (packet.transportCaptured < UDP_HEADER_LENGTH + 2) return true
    const opcode = packet.view.getUint16(packet.transportOffset + UDP_HEADER_LENGTH)
    if (opcode !== TFTP_READ && opcode !== TFTP_WRITE) return true
    const client = this.context.table.ports(ct * 2 + DIRECTION_REPLY) & 0xffff
    return this.expect(ct, DIRECTION_REPLY, client)
  }

  /** Expects a flow from and to the addresses of a direction. kernel: nf_ct_expect_init(), nf_ct_expect_related() */
  private expect(ct: number, direction: number, port: number): boolean {
    const { table, jiffies } = this.context
    const wanted: Expectation = {
      master: ct,
      kind: table.kind(ct),
      source: this.addressOf(ct, direction, true),
      destination: this.addressOf(ct, direction, false),
      port,
      deadline: (jiffies + LIFETIME * table.hz) | 0,
    }
    return this.expectations.add(wanted, MOST, jiffies)
  }

  /** The source or the destination address of a direction. */
  private addressOf(ct: number, direction: number, isSource: boolean): number[] {
    const { table } = this.context
    const key = ct * 2 + direction
    const word = (i: number): number => (isSource ? table.sourceWord(key, i) : table.destinationWord(key, i))
    return table.kind(ct) < KIND_IPV6 ? [word(0)] : [word(0), word(1), word(2), word(3)]
  }
}

/** Whether the first packets of a flow are RELATED: it was expected, and nobody has answered. */
export function isRelated(status: number, direction: number): boolean {
  return (status & IPS_EXPECTED) !== 0 && direction === DIRECTION_ORIGINAL
}
