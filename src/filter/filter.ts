// Filters in the language of tcpdump: which frames, or which packets, an expression selects (pcap-filter(7)).

import type { Frame } from '../capture/frame.ts'
import { decode } from '../packet/encapsulation/decode.ts'
import { Packet } from '../packet/packet.ts'
import { compileExpression } from './compile.ts'
import { always, type Condition, FilterCursor, YES } from './cursor.ts'
import { type Link, linkOf, RAW_LINK } from './link.ts'
import { parseFilter } from './parser.ts'
import type { Expression } from './syntax.ts'

/**
 * A filter expression, parsed once; its conditions are compiled as link types come. What it selects is what
 * `tcpdump -r` selects: an address or port behind a VLAN tag only behind the word `vlan`, ports of a datagram's first
 * fragment alone. Where a link type has no VLANs, tcpdump refuses `vlan`; here it is never true.
 */
export class Filter {
  readonly text: string
  private readonly expression: Expression | null
  /** For packets without a link header, and where a link header tells no filter anything (NFLOG). */
  private readonly raw: Condition
  private readonly byLinkType = new Map<number, Condition | null>()
  private readonly cursor = new FilterCursor()
  private readonly packet = new Packet()
  private linkType = -1
  private condition: Condition | null = null

  /** @throws FilterError for what is no expression, or says what is not supported */
  constructor(text: string) {
    this.text = text
    this.expression = parseFilter(text)
    this.raw = this.compileFor(RAW_LINK)
  }

  /** Whether it selects a captured frame. */
  matchesFrame(frame: Frame): boolean {
    if (frame.linkType !== this.linkType) this.turnTo(frame.linkType)
    const { cursor, condition } = this
    cursor.length = frame.originalLength
    if (condition === null) return this.matchesInside(frame)
    cursor.view = frame.view
    cursor.start = frame.offset
    cursor.end = frame.offset + frame.length
    return condition(cursor) === YES
  }

  /** Whether it selects an IP packet, whatever is in front of it. */
  matchesPacket(packet: Packet): boolean {
    const { cursor } = this
    cursor.length = packet.networkLength
    return this.matchesNetwork(packet)
  }

  private matchesInside(frame: Frame): boolean {
    decode(frame, this.packet)
    return this.packet.family !== 0 && this.matchesNetwork(this.packet)
  }

  private matchesNetwork({ view, networkOffset, networkLength, capturedEnd }: Packet): boolean {
    const { cursor } = this
    cursor.view = view
    cursor.start = networkOffset
    cursor.end = Math.min(capturedEnd, networkOffset + networkLength)
    return this.raw(cursor) === YES
  }

  private turnTo(linkType: number): void {
    let condition = this.byLinkType.get(linkType)
    if (condition === undefined) {
      const link = linkOf(linkType)
      condition = link === null ? null : this.compileFor(link)
      this.byLinkType.set(linkType, condition)
    }
    this.linkType = linkType
    this.condition = condition
  }

  private compileFor(link: Link): Condition {
    return this.expression === null ? always : compileExpression(this.expression, link)
  }
}
