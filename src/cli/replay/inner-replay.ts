// `--tunnels`: packets out of tunnels go through tables of their own, beside the packets around them and never among them.
import { TunnelZones } from '../../conntrack/tunnel-zones.ts'
import { Defragmenter, type FragmentSettings } from '../../packet/defrag/fragments.ts'
import {
  decodeInner,
  MAX_DEPTH,
  TUNNEL_NONE,
  tunnelName,
  tunnelOf,
} from '../../packet/encapsulation/tunnel.ts'
import { FAULT_NOT_IP } from '../../packet/fault.ts'
import { Packet } from '../../packet/packet.ts'
import { FRAME_SKIPPED, FRAME_TRACKED, outcomeOf, type Tracker, type Witness } from '../../replay.ts'
import type { Sightings } from '../../vantage/record/sighting.ts'

export const TUNNELS = ['both', 'outer', 'inner'] as const
export type Tunnels = (typeof TUNNELS)[number]

export const ONE_TABLE_TUNNELS = ['outer', 'inner'] as const
export type OneTableTunnels = (typeof ONE_TABLE_TUNNELS)[number]

export const TUNNELS_HELP =
  'which packets of tunnels (VXLAN, Geneve, GRE, IPIP, …) are replayed: outer, as they were captured; inner, what is inside; both, in tables of their own'
/** Of commands that show one table. */
export const ONE_TABLE_TUNNELS_HELP =
  'which packets of tunnels (VXLAN, Geneve, GRE, IPIP, …) are replayed: outer, as they were captured; inner, what is inside of those'

/** Kinds of tunnels that get a table; a capture with more of them inside each other is a made-up one. */
const MOST_TABLES = 8
/** Ids remembered of a kind of tunnel. */
const MOST_IDS = 16

/** What tracks the packets inside of one kind of tunnel. */
export interface InnerTrack {
  engines: readonly Tracker[]
  witness: Witness
}

/** A kind of tunnel that packets were found in. */
export class InnerNetwork {
  readonly name: string
  readonly depth: number
  readonly track: InnerTrack | null
  /** VNIs, keys, TEIDs in the order they were seen, the first MOST_IDS of them; and whether there were more. */
  readonly ids: number[] = []
  hasMoreIds = false
  readonly inside: (InnerNetwork | null)[] = []
  readonly fragments: Defragmenter
  readonly zones = new TunnelZones()
  private lastId = Number.NaN

  /**
   * @param name `vxlan`, or for a tunnel in a tunnel `vxlan in ipip`
   * @param depth 1 for what is inside of one tunnel
   */
  constructor(name: string, depth: number, track: InnerTrack | null, settings: FragmentSettings) {
    this.name = name
    this.depth = depth
    this.track = track
    this.fragments = new Defragmenter(settings)
  }

  /** For a report: the name, and the ids in ascending order. */
  get described(): { name: string; ids: number[]; hasMoreIds: boolean } {
    return { name: this.name, ids: this.ids.toSorted((a, b) => a - b), hasMoreIds: this.hasMoreIds }
  }

  note(id: number): void {
    if (id === this.lastId) return
    this.lastId = id
    if (this.ids.includes(id >>> 0)) return
    if (this.ids.length < MOST_IDS) this.ids.push(id >>> 0)
    else this.hasMoreIds = true
  }
}

/**
 * Sees what the packets around do, hands it on to `outer`, and opens the tunnels among them. A packet that conntrack
 * did not get to see, or that is a further sighting of another, is not opened.
 */
export class InnerReplay implements Witness {
  readonly networks: InnerNetwork[] = []
  private readonly outer: Witness | null
  private readonly settings: FragmentSettings
  private readonly open: (name: string, depth: number) => InnerTrack | null
  private readonly root: (InnerNetwork | null)[] = []
  private readonly packets = Array.from({ length: MAX_DEPTH }, () => new Packet())

  /** @param open what tracks the packets of a kind of tunnel, asked when it first shows up; null for nothing */
  constructor(
    outer: Witness | null,
    settings: FragmentSettings,
    open: (name: string, depth: number) => InnerTrack | null,
  ) {
    this.outer = outer
    this.settings = settings
    this.open = open
  }

  seen(packet: Packet, outcome: number, sightings: Sightings | null): void {
    this.outer?.seen(packet, outcome, sightings)
    if (outcome === FRAME_TRACKED && tunnelOf(packet) !== TUNNEL_NONE) this.enter(packet, null)
  }

  private enter(packet: Packet, around: InnerNetwork | null): void {
    const inner = this.packets[around?.depth ?? 0]
    const isPacket = decodeInner(packet, inner)
    const network = this.networkOf(inner, around)
    if (network === null || network.track === null) return
    network.note(inner.tunnelId)
    const { engines, witness } = network.track
    if (!isPacket) {
      witness.seen(inner, FRAME_SKIPPED, null)
      return
    }
    const outcome = outcomeOf(network.fragments.defragment(inner))
    if (outcome === FRAME_TRACKED) {
      network.zones.assign(inner)
      for (let i = 0; i < engines.length; i++) engines[i].track(inner)
    }
    witness.seen(inner, outcome, null)
    if (outcome !== FRAME_TRACKED || network.depth === MAX_DEPTH) return
    if (tunnelOf(inner) !== TUNNEL_NONE) this.enter(inner, network)
  }

  private networkOf(inner: Packet, around: InnerNetwork | null): InnerNetwork | null {
    const siblings = around?.inside ?? this.root
    const known = siblings[inner.tunnel] ?? null
    // one port number does not make a tunnel
    if (known !== null || inner.fault === FAULT_NOT_IP || this.networks.length === MOST_TABLES) return known
    const name = tunnelName(inner.tunnel) + (around === null ? '' : ` in ${around.name}`)
    const depth = (around?.depth ?? 0) + 1
    const network = new InnerNetwork(name, depth, this.open(name, depth), this.settings)
    siblings[inner.tunnel] = network
    this.networks.push(network)
    return network
  }
}

/** What a replay is to be given so that one table gets the packets of tunnels, or those inside of them. */
export function oneTable(
  engines: readonly Tracker[],
  witness: Witness,
  tunnels: OneTableTunnels,
  settings: FragmentSettings,
): { engines: readonly Tracker[]; witness: Witness } {
  if (tunnels === 'outer') return { engines, witness }
  const track: InnerTrack = { engines, witness }
  // of tunnels in tunnels, what is inside of the outermost
  return {
    engines: [],
    witness: new InnerReplay(null, settings, (_, depth) => (depth === 1 ? track : null)),
  }
}
