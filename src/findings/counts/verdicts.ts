// Every frame counted under what became of it: the packet's state, or why conntrack never saw a packet.
import {
  STATE_DROPPED,
  STATE_ESTABLISHED,
  STATE_INVALID,
  STATE_NAMES,
  STATE_NEW,
  STATE_RELATED,
  STATE_UNTRACKED,
} from '../../conntrack/status.ts'
import { FAULT_COUNT, FAULT_NONE, FAULT_NOT_IP, faultText } from '../../packet/fault.ts'
import type { Packet } from '../../packet/packet.ts'
import { FrameGroup } from '../facts/frame-group.ts'

/** Frames by what became of them; `total` is the sum of the others. */
export interface VerdictCounts {
  total: number
  new: number
  established: number
  related: number
  invalid: number
  untracked: number
  /** Refused because the table was full. */
  dropped: number
  /** Packets that conntrack did not meet: switched inside a bridge, or not for this host. */
  unmet: number
  /** Frames that show a packet once more. */
  copies: number
  /** Fragments that reassembly keeps until their datagram is whole; conntrack sees that one packet. */
  fragments: number
  /** Fragments that reassembly threw away. */
  lostFragments: number
  /** Frames without an IP packet: ARP, LLDP. */
  notIp: number
  undecodable: number
}

export class Verdicts {
  private total = 0
  private queued = 0
  private unmet = 0
  private copies = 0
  private readonly lost = new FrameGroup()
  private readonly states = new Float64Array(STATE_NAMES.length)
  private readonly faults: FrameGroup[] = Array.from({ length: FAULT_COUNT }, () => new FrameGroup())

  /** A packet that conntrack saw; `state` is its STATE_*. */
  tracked(state: number): void {
    this.total++
    this.states[state]++
  }

  /** A frame that holds no packet for conntrack, or none that can be read. */
  skipped(packet: Packet): void {
    this.total++
    this.faults[packet.fault].add(packet)
  }

  /** A packet that conntrack did not meet. */
  missed(): void {
    this.total++
    this.unmet++
  }

  /** Frames that show a packet once more. */
  copied(frames: number): void {
    this.total += frames
    this.copies += frames
  }

  /** A fragment that waits for others. */
  fragment(): void {
    this.total++
    this.queued++
  }

  /** A fragment that went nowhere, or the last one of a datagram that cannot be read. */
  lostFragment(packet: Packet): void {
    if (packet.fault !== FAULT_NONE) this.skipped(packet)
    else {
      this.total++
      this.lost.add(packet)
    }
  }

  counts(): VerdictCounts {
    const { states, faults } = this
    const notIp = faults[FAULT_NOT_IP].count
    return {
      total: this.total,
      new: states[STATE_NEW],
      established: states[STATE_ESTABLISHED],
      related: states[STATE_RELATED],
      invalid: states[STATE_INVALID],
      untracked: states[STATE_UNTRACKED],
      dropped: states[STATE_DROPPED],
      unmet: this.unmet,
      copies: this.copies,
      fragments: this.queued,
      lostFragments: this.lost.count,
      notIp,
      undecodable: faults.reduce((sum, group) => sum + group.count, -notIp),
    }
  }

  /** What was not understood, most frequent first. */
  undecodable(): { reason: string; group: FrameGroup }[] {
    const groups = this.faults.map((group, fault) => ({ reason: faultText(fault), group, fault }))
    groups.push({ reason: 'fragment refused by reassembly', group: this.lost, fault: FAULT_COUNT })
    return groups
      .filter(({ group, fault }) => group.count > 0 && fault !== FAULT_NOT_IP)
      .sort((a, b) => b.group.count - a.group.count || a.fault - b.fault)
      .map(({ reason, group }) => ({ reason, group }))
  }
}
