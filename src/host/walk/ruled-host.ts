// What is known of a host whose rules are replayed.
import type { Packet } from '../../packet/packet.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Host } from '../topology/topology.ts'
import type { PlaceNames } from './course.ts'
import type { HostSettings } from './host-routing.ts'

export interface RuledHost {
  ruleset: Ruleset
  host: Host | null
  settings: HostSettings
  names: PlaceNames
  /** Whether a packet is certainly not tracked, wherever it comes from; null where no rule says so. */
  spares: ((packet: Packet) => boolean) | null
  /** Packets that one rule more would leave untracked (`-j CT --notrack`); null for none. */
  notrack: ((packet: Packet) => boolean) | null
  /** Whether the rules are not those that ran: then the traffic contradicts nothing. */
  isWhatIf: boolean
}
