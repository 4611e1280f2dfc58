// The Report: all that is known after a replay, plain, sorted and serialisable; its JSON form is docs/report-schema.md.

import type { TranslationGroup } from '../../findings/counts/translation-check.ts'
import type { UnrepliedGroup } from '../../findings/counts/unreplied.ts'
import type { VerdictCounts } from '../../findings/counts/verdicts.ts'
import type { ObjectionGroup } from '../../findings/detectors/object-check.ts'
import type { Contradiction } from '../../findings/detectors/table-file-contradicted.ts'
import type { FrameReference } from '../../findings/facts/facts.ts'
import type { FlowEnd } from '../../sizing/flow.ts'
import type { SortKey } from '../../sizing/flows.ts'
import type { BridgeCall } from '../../vantage/bridging.ts'
import type { FindingReport } from './finding-model.ts'
import type { KernelReport } from './kernel-report.ts'

export const REPORT_SCHEMA = 'ctpcap.report/2'

/** Times of day are ISO 8601 in UTC; all other times are seconds since the first frame of the replay. */
export interface Report extends TableOfFlows {
  schema: typeof REPORT_SCHEMA
  /** Name and version of the program. */
  generator: string
  captures: CaptureReport[]
  /** What `--filter` let through; null without it. */
  filter: FilterReport | null
  /** Seconds from the first frame of all captures to the last. */
  duration: number
  /** What was seen where, and how often; null where every frame was replayed as a packet of its own. */
  sightings: SightingsReport | null
  /** What was given beside the captures, and how it goes with them; absent without any. */
  knowledge?: KnowledgeReport
  /** Whose conntrack was replayed. */
  kernel: KernelReport
  /** Helpers that are assigned, `ftp:21`, `ftp by rules.txt:3`; absent where none are. */
  helpers?: string[]
  /** Sysctls that differ from that kernel's defaults, by name. */
  settings: Record<string, number>
  /** The table that was given for the start of the capture; null where it was taken to be empty. */
  knownTable: KnownTableReport | null
  /** Which packets the fields beside this one are about, where some are inside of others. */
  tunnelMode: 'both' | 'outer' | 'inner'
  /** What `--rules-after` would change; absent without it. */
  change?: ChangeReport
  /** What is inside of tunnels: a table of its own for each kind, in the order they were met. */
  tunnels: TunnelReport[]
  /** What the captures cannot show. */
  limits: LimitReport[]
}

/** Packets that other rules would have treated otherwise. */
export interface ChangeReport {
  packets: number
  /** Packets of which the one or the other rules leave open what becomes of them. */
  untold: number
  /** Connections that would lose packets which got through, and those that would come about instead of being refused. */
  broken: number
  opened: number
  groups: ChangedReport[]
  others: number
}

/** Packets of one flow that meet another fate, by which rules. */
export interface ChangedReport extends PacketGroupReport {
  before: DecisionReport
  after: DecisionReport
  /** Whether these are answers: from `destination` to `source`. */
  isAnswer: boolean
  /** Connections of `broken` and `opened` whose first packet with another fate is among them. */
  connections: number
}

/** A fate, and the rule or policy that decided, as `rules.txt:14 -A INPUT -j DROP`; null for none. */
export interface DecisionReport {
  fate: string
  rule: string | null
}

/** Packets of one state, from one host to a port of another. */
export interface PacketGroupReport {
  state: string
  protocol: string
  source: string
  /** What the ends are called, where somebody knows. */
  sourceName?: string
  destination: string
  destinationName?: string
  packets: number
  bytes: number
  /** The first of them: its frame, and the index of its capture. */
  frame: number
  capture: number
}

/** What went through one table. */
export interface TableOfFlows {
  packets: VerdictCounts
  /** Frames that could not be understood, by reason, most frequent first. */
  undecodable: FrameCount[]
  /** INVALID packets by reason, most frequent first. */
  invalid: InvalidReport[]
  /** What the rules of `--rules` did to INVALID packets; absent without rules. */
  invalidFates?: InvalidFatesReport
  unreplied: UnrepliedReport
  flows: FlowsReport
  table: TableReport
  findings: FindingReport[]
}

export interface TunnelReport extends TableOfFlows {
  /** `vxlan`; for a tunnel in a tunnel `vxlan in ipip`. */
  name: string
  /** VNIs, keys or TEIDs, the first of them, and whether there were more. */
  ids: number[]
  hasMoreIds: boolean
}

export interface CaptureReport {
  path: string
  format: string
  compression: string
  byteOrder: string
  /** Bytes as stored; 0 where unknown (a pipe). */
  size: number
  frames: number
  firstTime: string | null
  lastTime: string | null
  /** Seconds between the earliest and the latest time stamp. */
  duration: number
  interfaces: InterfaceReport[]
  /** Frames stamped earlier than the frame before. */
  backwards: number
  /** Frames without a time stamp. */
  unstamped: number
  application: string
  comments: string[]
  damage: DamageReport[]
}

export interface FilterReport {
  expression: string
  /** Frames that were replayed, and those that were not. */
  selected: number
  passedOver: number
}

export interface KnownTableReport {
  /** File it was taken from. */
  path: string
  /** Entries in the table when the capture began, and how many of them a packet met; TCP connections among these. */
  entries: number
  used: number
  usedTcp: number
  /** Entries that were listed more than once, and left out. */
  duplicates: number
  /** Entries that are listed as offloaded, of another zone than 0, or without a part of their tuples. */
  offloaded: number
  otherZones: number
  partial: number
  /** Whether the capture opens connections that the file has as open or closed. */
  takenLater: boolean
  /** Closed connections whose place a SYN took. */
  reopened: { count: number; frames: FrameReference[] }
  /** What the traffic shows to be otherwise; the first frames of each kind. */
  contradictions: { id: Contradiction; count: number; frames: FrameReference[] }[]
}

export interface SightingsReport {
  /** Observation points in the order of their first frames. */
  points: PointReport[]
  /** Frames that only show a packet once more. */
  copies: number
  /** Packets seen before and after NAT. */
  translated: number
  /** Packets that were seen being switched inside a bridge. */
  switched: number
  /** Whether conntrack meets those, and how that is known. */
  bridgeCalls: { ipv4: BridgeCall; ipv6: BridgeCall }
  /** Captures whose clock was set right. */
  clocks: ClockReport[]
  /** Packets of which the capture does not tell what conntrack made of them. */
  oneSided: number
  /** Packets that passed the tables of several hosts or network namespaces, which were taken for one; absent for none. */
  otherTables?: { packets: number; from: FrameReference; to: FrameReference }
}

export interface KnowledgeReport {
  /** Files of `--rules`, and how many of their rules translate destinations and sources. */
  rules: {
    files: string[]
    destinations: number
    sources: number
    /** Commands whose output has the rules of translations that were seen and that none given is about; absent where none is. */
    lacking?: string[]
  } | null
  /** Files of `--topology`; the name of the host that the captures are of (null: none fits), and its interfaces. */
  topology: {
    files: string[]
    host: string | null
    interfaces: number
    /** Indexes of captured interfaces that it lacks: they are gone, or new; absent where it has all. */
    lacking?: number[]
  } | null
  /** Files of `--kubernetes`, and how many objects of a kind are in them; absent without. */
  kubernetes?: ClusterReport
  /** Flows that the objects do not go with, by reason; absent without objects. */
  objections?: ObjectionGroup[]
  /** Translations that were seen, compared with the rules; null without rules. */
  translations: TranslationReport | null
}

export interface ClusterReport {
  files: string[]
  pods: number
  services: number
  endpoints: number
  nodes: number
  networkPolicies: number
}

export interface TranslationReport {
  confirmed: { flows: number; groups: TranslationGroup[] }
  /** A rule is about them, and says otherwise. */
  contradicted: { flows: number; groups: TranslationGroup[] }
  /** No rule is about them. */
  unknown: { flows: number; groups: TranslationGroup[] }
  /** Flows whose rules depend on what is not known. */
  undecided: number
}

export interface PointReport {
  name: string
  /** Place of its interface among the interfaces of all captures. */
  interface: number
  /** The host's index of it, as cooked v2 and NFLOG captures have it; 0 where there is none. */
  interfaceIndex: number
  /** What the topology given says of it: `bridge`, `port of cni0`. */
  role?: string
  /** Frames with an IP packet. */
  frames: number
}

export interface ClockReport {
  /** Places in `captures`. */
  capture: number
  reference: number
  /** Seconds added to its time stamps. */
  correction: number
  /** Packets that both captures show. */
  packets: number
}

export interface InterfaceReport {
  name: string
  description: string
  filter: string
  linkType: number
  linkTypeName: string
  /** Bytes; 0 = no limit. */
  snapLength: number
  frames: number
  /** Frames that the capture itself says it lost; null where it does not say. */
  dropped: number | null
}

export interface DamageReport {
  /** Byte offset in the uncompressed capture. */
  offset: number
  message: string
  /** Whether nothing after it could be read. */
  stopped: boolean
}

export interface FrameCount {
  reason: string
  count: number
  /** Number of the first such frame within its capture. */
  firstFrame: number
  /** The first few. */
  frames: FrameReference[]
}

export interface InvalidReport extends FrameCount {
  /** Whether the words are the kernel's: it logs them with nf_conntrack_log_invalid. */
  logged: boolean
  /** Packets of it that follow from a direction, or a start, that was not captured: INVALID to a host that saw no more. */
  partial: number
}

export interface InvalidFatesReport {
  /** Packets that got through, and those of which it cannot be told. */
  passed: number
  untold: number
  dropped: { rule: RulePlaceReport | null; packets: number }[]
}

/** A rule: `rules.txt:14` or `nft.json handle 7`, the policy of a chain `policy`; null for one of several, or the host itself. */
export interface RulePlaceReport {
  place: string
  table: string
  chain: string
  text: string
}

export interface UnrepliedReport {
  /** Flows by why they have no reply. */
  silent: number
  refused: number
  icmpError: number
  invalidAnswer: number
  oneWay: number
  multicast: number
  tunnel: number
  /** The largest destinations of the silent flows, the refused ones, and those that got an ICMP error. */
  destinations: DestinationReport[]
}

/** A destination of flows without a reply, and what it is called where somebody knows. */
export type DestinationReport = UnrepliedGroup & { dstName?: string }

export interface FlowsReport {
  total: number
  /** Flows whose entry had seen no reply at its end, and those that were ASSURED. */
  unreplied: number
  assured: number
  packets: number
  bytes: number
  byProtocol: Record<string, number>
  /** By protocol, then state at the end; only TCP and SCTP have states. */
  byState: Record<string, Record<string, number>>
  sort: SortKey
  top: FlowReport[]
}

export interface FlowReport {
  protocol: string
  protocolNumber: number
  state: string
  status: string[]
  orig: DirectionReport
  reply: DirectionReport
  firstFrame: number
  /** Of the first packet. */
  startTime: string
  start: number
  /** Seconds from the first packet to the last one that was counted. */
  duration: number
  /** Seconds the entry was live: until its timeout passed, it was deleted, or the capture ended. */
  entrySeconds: number
  ended: FlowEnd
  /** Of a flow not seen translated: the one target that the rules given have for it, their name for it, the rule. */
  byRules?: { to: string; name: string; rule: string }
  /** What the capture has written on its first packet: a process, a pod. */
  comment?: string
}

export interface DirectionReport {
  src: string
  dst: string
  /** What Kubernetes objects, a file of names or the capture call them: `pod shop/web-bz9w6`; absent where nothing is known. */
  srcName?: string
  dstName?: string
  sport?: number
  dport?: number
  type?: number
  code?: number
  id?: number
  srckey?: number
  dstkey?: number
  /** Of conntrack, where it is not 0. */
  zone?: number
  packets: number
  bytes: number
}

export interface TableReport {
  peak: PeakReport
  /** Live entries at the end of the capture. */
  end: number
  /** Entries ever created. */
  created: number
  /** The model of nf_conntrack_count: its peak includes expired entries that await collection. */
  /** `atMost` is what it can have been had the collector come at the worst time. */
  countPeak: { entries: number; time: number; atMost: number }
  /** nf_conntrack_max and nf_conntrack_buckets. */
  max: number
  buckets: number
  /** Entries that traffic outside the capture holds, as nf_conntrack_count was set. */
  outside: number
  /** When more entries were live than `max` allows, or null. */
  exceeded: number | null
  /** What the table refused; null where nf_conntrack_max was not enforced. */
  refused: RefusedReport | null
  /** Kernel memory at the peak: 384 bytes an entry and 8 a bucket. */
  memoryBytes: number
  /** Entry-seconds by protocol and state: what filled the table. */
  entrySeconds: { protocol: string; state: string; seconds: number }[]
  /** The largest owners; null where they were not counted. */
  owners: OwnersReport | null
  /** Where the table levels off if the load goes on; null without entries, and where some were refused or evicted. */
  projection: ProjectionReport | null
  /** Seconds a step of the timeline lasts. */
  timelineStep: number
  timeline: { time: number; peak: number; live: number; count: number }[]
}

export interface RefusedReport {
  /** "nf_conntrack: table full, dropping packet": how many, of how many connections; `late` ones got in with a retry. */
  packets: number
  connections: number
  late: number
  /** Packets of refused connections that the capture shows, and that would not have been sent. */
  unsent: number
  first: FrameReference | null
  firstTime: number | null
  lastTime: number | null
  /** How long no new entry would have found room. */
  fullSeconds: number
  /** Entries evicted for new ones, and by the collector because the table was 95 % full. */
  earlyDrops: number
  collected: number
  /** Refused connections by who opened them, and by what they were for. */
  sources: { name: string; connections: number }[]
  services: { name: string; connections: number }[]
}

export interface OwnersReport {
  /** Source addresses and destination services, by entries at the peak. */
  sources: OwnerReport[]
  services: OwnerReport[]
  /** The same by entry-seconds over the capture. */
  sourcesByTime: OwnerReport[]
  servicesByTime: OwnerReport[]
  /** By how many entry-seconds any one of them may be too low; 0 is exact. */
  secondsMissing: number
}

export interface OwnerReport {
  /** `10.0.0.1` for a source; `10.96.0.10:53/udp` for a service. */
  name: string
  /** What that is called, where somebody knows. */
  called?: string
  atPeak: number
  entrySeconds: number
}

export interface ProjectionReport {
  /** Entries, and the interval that holds their number with a probability of 95 %. */
  level: number
  low: number
  high: number
  /** Of the level, what stood in the table at the end of the capture. */
  measured: number
  /** Established connections and other flows that go on. */
  open: number
  /** Entries a second by which these were still growing at the end of the capture; 0 where that cannot be told. */
  rising: number
  /** Seconds after the start at which the table would be full, or null. */
  fullAfter: number | null
  parts: {
    protocol: string
    state: string
    sysctl: string | null
    /** Flows a second. */
    rate: number
    /** Seconds an entry stays. */
    held: number
    entries: number
    measured: number
  }[]
}

export interface PeakReport {
  entries: number
  time: number
  timeOfDay: string | null
  byProtocol: Record<string, number>
  byState: Record<string, Record<string, number>>
  assured: number
  unreplied: number
}

export interface LimitReport {
  id: string
  text: string
}
