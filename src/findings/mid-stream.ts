// TCP flows picked up in mid-stream: they were open before the capture began, or lost their entry (nf_conntrack_tcp_loose).
import { TCP_SYN_SENT } from '../conntrack/proto/tcp-table.ts'
import type { Table } from '../conntrack/table.ts'
import { IPPROTO_TCP } from '../net/numbers.ts'
import type { Packet } from '../packet/packet.ts'
import type { Finding } from './finding.ts'
import { FrameGroup } from './frame-group.ts'

export class MidStreamPickups {
  private readonly opening = new FrameGroup()
  /** Whether the packet under way has opened such a flow. */
  private pending = false

  get count(): number {
    return this.opening.count
  }

  /** An entry was created. */
  created(table: Table, ct: number): void {
    this.pending = table.protocol(ct) === IPPROTO_TCP && table.state(ct) !== TCP_SYN_SENT
  }

  /** The packet that may have created it is over. */
  seen(packet: Packet): void {
    if (!this.pending) return
    this.pending = false
    this.opening.add(packet)
  }

  conclude(): Finding[] {
    if (this.count === 0) return []
    const flows = this.count === 1 ? '1 TCP flow was' : `${this.count} TCP flows were`
    return [
      {
        id: 'mid-stream-pickup',
        severity: 'info',
        confidence: 'certain',
        title: `${flows} picked up in mid-stream: the first packet is no SYN`,
        flows: [],
        frames: this.opening.frames,
        cause: 'open before the capture began, its start was not captured, or its entry was gone by then',
        fix: 'none needed where the capture began later than the connection',
      },
    ]
  }
}
