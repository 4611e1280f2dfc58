// What rules ask only of a packet that is under way: xt_conntrack, xt_tcpudp, xt_length, xt_physdev, nft_ct, nft_fib and their like.
import { masterHelperOf } from '../../conntrack/helper-assignment.ts'
import {
  ASKS_DESTINATION_PORT,
  ASKS_KIND,
  ASKS_PACKET,
  ASKS_STATUS,
  ASKS_TCP_FLAGS,
  ASKS_TUPLES,
} from './asks.ts'
import type { PacketFacts } from './packet-facts.ts'
import { type Answer, answer, asking, NO, ofLocal, PERHAPS, type Subject, type Test, YES } from './subject.ts'

/** A condition on what only a packet has; perhaps where rules are asked about a flow. */
function ofPacket(asks: number, ask: (facts: PacketFacts, subject: Subject) => Answer): Test {
  return asking(asks, subject => (subject.packet === null ? PERHAPS : ask(subject.packet, subject)))
}

/** Whether it has an entry: without, nft ends the rule. */
export const hasEntry: Test = ofPacket(ASKS_KIND, facts => answer(facts.hasEntry))

/**
 * A condition on the packet's entry, which does not hold without one, negated or not.
 * @param holdsWithout what a packet without an entry gets. kernel: conntrack_mt() with XT_CONNTRACK_STATE
 */
export function ofEntry(
  isNegated: boolean,
  holdsWithout: boolean,
  ask: (facts: PacketFacts, subject: Subject) => Answer,
): Test {
  return ofPacket(ASKS_STATUS | ASKS_TUPLES, (facts, subject) => {
    if (!facts.hasEntry) return answer(holdsWithout)
    const found = ask(facts, subject)
    if (found === PERHAPS || !isNegated) return found
    return found === YES ? NO : YES
  })
}

/** Whether bits of an entry's status are set, one of them at least. @param bits of IPS_* */
export function statusAsk(bits: number): (facts: PacketFacts) => Answer {
  return facts => answer((facts.status & bits) !== 0)
}

/** Whether the flow that announced an entry has a helper of that name. kernel: nft_ct_get_eval() */
export function masterHelperAsk(name: string): (facts: PacketFacts) => Answer {
  return ({ status }) => answer(masterHelperOf(status) === name)
}

/** The same, where no name is any, and what stands behind the name is of no account. kernel: helper_mt() */
export function anyHelperAsk(name: string): (facts: PacketFacts) => Answer {
  return ({ status }) => {
    const helper = masterHelperOf(status)
    return answer(helper !== null && (name === '' || name.startsWith(helper)))
  }
}

/** Whether the bits of `mask` in the connection's mark are `value`: never, where that has others. kernel: connmark_mt() */
export function connMarkAsk(value: number, mask: number): (facts: PacketFacts) => Answer {
  return ({ connMark }) => (connMark === null ? PERHAPS : answer((connMark & mask) === (value | 0)))
}

/** Flags of `mask` that are those of `set`, and no others. */
export function ofTcpFlags(mask: number, set: number): Test {
  return ofPacket(ASKS_TCP_FLAGS, ({ tcpFlags }, { protocol }) => {
    if (protocol !== 6) return NO
    return tcpFlags < 0 ? PERHAPS : answer((tcpFlags & mask) === set)
  })
}

/** One of `flags` at least. */
export function ofSomeTcpFlag(flags: number): Test {
  return ofPacket(ASKS_TCP_FLAGS, ({ tcpFlags }, { protocol }) => {
    if (protocol !== 6) return NO
    return tcpFlags < 0 ? PERHAPS : answer((tcpFlags & flags) !== 0)
  })
}

/** An ICMP type, and a code from `codes[0]` to `codes[1]`. */
export function ofIcmp(type: number, [first, last]: readonly [number, number] = [0, 255]): Test {
  return ofPacket(ASKS_DESTINATION_PORT, ({ icmpType, icmpCode }, { protocol }) => {
    if (protocol !== 1 && protocol !== 58) return NO
    if (icmpType < 0) return PERHAPS
    return answer(icmpType === type && first <= icmpCode && icmpCode <= last)
  })
}

/** Types from `first` to `last`. */
export function ofIcmpTypes(first: number, last: number): Test {
  return ofPacket(ASKS_DESTINATION_PORT, ({ icmpType }) =>
    icmpType < 0 ? PERHAPS : answer(first <= icmpType && icmpType <= last),
  )
}

export function ofIcmpCodes(first: number, last: number): Test {
  return ofPacket(ASKS_DESTINATION_PORT, ({ icmpCode }) =>
    icmpCode < 0 ? PERHAPS : answer(first <= icmpCode && icmpCode <= last),
  )
}

export function ofLength(first: number, last: number): Test {
  return ofPacket(ASKS_PACKET, facts => {
    return answer(first <= facts.length && facts.length <= last)
  })
}

/** Whether the bits of `mask` in the TOS are those of `value`. */
export function ofTos(value: number, mask: number): Test {
  return ofPacket(ASKS_PACKET, facts => {
    return answer((facts.tos & mask) === value)
  })
}

export function ofDscp(value: number): Test {
  return ofTos(value << 2, 0xfc)
}

export function ofTtl(first: number, last: number): Test {
  return ofPacket(ASKS_PACKET, facts => {
    return answer(first <= facts.ttl && facts.ttl <= last)
  })
}

/** A port of a bridge by its name; `isPrefix` by the beginning of it. */
export function ofPort(which: 'physicalInput' | 'physicalOutput', name: string, isPrefix: boolean): Test {
  return ofPacket(ASKS_KIND, facts => {
    const own = facts[which]
    if (own === null) return PERHAPS
    return answer(own !== '' && (isPrefix ? own.startsWith(name) : own === name))
  })
}

export function ofBridging(what: 'in' | 'out' | 'bridged'): Test {
  return ofPacket(ASKS_KIND, ({ physicalInput, physicalOutput, isBridged }) => {
    if (what === 'bridged') return answer(isBridged && physicalOutput !== '')
    const own = what === 'in' ? physicalInput : physicalOutput
    return own === null ? PERHAPS : answer(own !== '')
  })
}

export function ofFrameKind(kind: string): Test {
  return ofPacket(ASKS_KIND, ({ frameKind }) => (frameKind === null ? PERHAPS : answer(frameKind === kind)))
}

/** Of an address, what the routing tables call it. */
export function ofAddressKind(which: 'source' | 'destination', kinds: readonly string[]): Test {
  const isLocal = ofLocal(which)
  const isOne = kinds.length === 1 && kinds[0] === 'local'
  return asking(ASKS_KIND, (subject, mark) => {
    if (isOne) return isLocal(subject, mark)
    if (subject.packet === null) return PERHAPS
    if (!(which === 'source' ? subject.isSourceKnown : subject.isDestinationKnown)) return PERHAPS
    const kind = subject.packet.routing?.kindOf(subject.family, subject[which]) ?? null
    return kind === null ? PERHAPS : answer(kinds.includes(kind))
  })
}

/** Whether the source is routed back by the interface it came in by, or by any. */
export function ofReversePath(byAny: boolean): Test {
  return ofPacket(ASKS_KIND, (facts, { family, source, input }) => {
    const isRouted = facts.routing?.isRoutedBack(family, source, input, byAny) ?? null
    return isRouted === null ? PERHAPS : answer(isRouted)
  })
}

/** Whether fragments arrive: behind reassembly none does. kernel: IPT_INV_FRAG */
export const isLaterFragment: Test = ofPacket(ASKS_KIND, () => NO)

/** Turns a wheel: what gets here goes on, and finds it with shownBy(). */
export function turning(id: number, size: number): Test {
  return asking(ASKS_PACKET, ({ packet }) => {
    packet?.turns?.turn(id, size, 0, packet.isSure)
    return YES
  })
}

/** Where a wheel stood when it was turned for this packet, -1 where nobody knows. */
export function shownBy(id: number, { packet }: Subject): number {
  return packet?.turns?.shown(id) ?? -1
}

/** Every `size`-th packet that gets here, the first of them when the wheel stands at `position`. */
export function ofTurn(id: number, size: number, first: number, position: number): Test {
  return ofPacket(ASKS_PACKET, facts => {
    const at = facts.turns?.turn(id, size, first, facts.isSure) ?? -1
    return at < 0 ? PERHAPS : answer(at === position)
  })
}
