// What NAT makes of an entry's first packet: as it was seen, or as the rule says where nobody saw it; nf_nat_setup_info().
import { IPS_DST_NAT, IPS_SRC_NAT } from '../../conntrack/status.ts'
import { isSingle, sameAddress } from '../files/network.ts'
import { isDestinationHook } from '../rules/hook-order.ts'
import type { PacketFacts } from '../rules/packet-facts.ts'
import type { Hook } from '../rules/ruleset.ts'
import type { Subject } from '../rules/subject.ts'
import type { NatChange } from './chain-walk.ts'
import type { HostRouting } from './host-routing.ts'
import type { FirstNat, SeenNat } from './packet-end.ts'

const LOOPBACK = Int32Array.of(0x7f000001, 0, 0, 0)
const LOOPBACK6 = Int32Array.of(0, 0, 0, 1)

export class FirstTranslation {
  /** What rules did that nobody saw; null for nothing. */
  nat: FirstNat | null = null
  private readonly subject: Subject
  private readonly facts: PacketFacts
  private readonly routing: HostRouting

  constructor(subject: Subject, facts: PacketFacts, routing: HostRouting) {
    this.subject = subject
    this.facts = facts
    this.routing = routing
  }

  /** Takes the translation that was seen. @returns whether it changes what this hook changes */
  settle(hook: Hook, seen: SeenNat): boolean {
    const { subject, facts } = this
    if (isDestinationHook(hook)) {
      if ((seen.bits & IPS_DST_NAT) === 0) return false
      facts.status |= IPS_DST_NAT
      subject.destination.set(seen.destination)
      subject.destinationPort = seen.destinationPort
      this.turnDestination(seen.destination, seen.destinationPort)
      return true
    }
    if ((seen.bits & IPS_SRC_NAT) === 0) return false
    facts.status |= IPS_SRC_NAT
    subject.source.set(seen.source)
    subject.sourcePort = seen.sourcePort
    return true
  }

  /** Takes a translation that nobody saw from the rule; null: one of several. kernel: nf_nat_setup_info() */
  apply(hook: Hook, change: NatChange | null, input: string | null): void {
    const { subject, facts } = this
    if (!isDestinationHook(hook)) {
      facts.status |= IPS_SRC_NAT
      this.leaveBy(change)
      this.nat = {
        bits: (this.nat?.bits ?? 0) | IPS_SRC_NAT,
        destination: this.nat?.destination ?? null,
        port: this.nat?.port ?? -1,
        redirection: this.nat?.redirection ?? null,
      }
      return
    }
    const address = change === null ? null : this.addressOf(hook, change, input)
    const ports = change?.target?.ports ?? null
    const port = ports === null ? subject.destinationPort : ports[0] === ports[1] ? ports[0] : -1
    if (address === null) {
      subject.isDestinationKnown = false
      subject.destinationPort = -1
    } else {
      // kernel: get_unique_tuple(): a target that is the destination changes nothing
      if (sameAddress(address, subject.destination) && port === subject.destinationPort) return
      subject.destination.set(address)
      subject.destinationPort = port
    }
    facts.status |= IPS_DST_NAT
    const destination = address === null ? null : Int32Array.from(address)
    this.nat = {
      bits: (this.nat?.bits ?? 0) | IPS_DST_NAT,
      destination,
      port,
      redirection: destination === null ? null : { address: destination, port },
    }
    this.turnDestination(address, port)
  }

  /** The source behind a translation: the address of a rule that has one; its port may be another wherever it is taken. */
  private leaveBy(change: NatChange | null): void {
    const { subject } = this
    const addresses = change?.target?.addresses ?? null
    subject.sourcePort = -1
    if (addresses !== null && isSingle(addresses)) subject.source.set(addresses.first)
    else if (change?.kind !== 'snat' || addresses !== null) subject.isSourceKnown = false
  }

  /** The tuple of replies, behind a translation of the destination. */
  private turnDestination(address: Int32Array | null, port: number): void {
    const { source } = this.facts.reply
    source.isKnown = address !== null
    if (address !== null) source.words.set(address)
    source.port = port
  }

  /** The one address that a translation leads to, or null. */
  private addressOf(hook: Hook, { kind, target }: NatChange, input: string | null): Int32Array | null {
    const { subject } = this
    if (kind === 'redirect') {
      if (hook === 'output') return subject.family === 4 ? LOOPBACK : LOOPBACK6
      return this.routing.firstAddress(subject.family, input)
    }
    const addresses = target?.addresses ?? null
    if (addresses === null) return Int32Array.from(subject.destination)
    return isSingle(addresses) ? addresses.first : null
  }
}
