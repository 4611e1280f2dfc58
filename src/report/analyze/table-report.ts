// The table's part of the Report: its peak, who held it, what it refused, where it would level off.
import { describeClass, OCCUPANCY_CLASSES } from '../../conntrack/occupancy-class.ts'
import type { Settings } from '../../conntrack/settings.ts'
import { keepsPorts } from '../../conntrack/tuple.ts'
import { type Names, NO_NAMES } from '../../host/names/names.ts'
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { assignedProtocolName, protocolName } from '../../net/numbers.ts'
import { tableMemory } from '../../sizing/memory.ts'
import type { Occupancy } from '../../sizing/occupancy.ts'
import type { Owner, OwnerTable } from '../../sizing/owners/owner-table.ts'
import { type LargestOwners, NAMED_OWNERS } from '../../sizing/owners/owners.ts'
import type { Projection } from '../../sizing/projection.ts'
import type { Refusals } from '../../sizing/refusals/refusals.ts'
import type { Sizing } from '../../sizing/sizing.ts'
import { formatTime } from '../text/format.ts'
import { byProtocol, byState, sumByReply } from './by-class.ts'
import type { OwnerReport, OwnersReport, ProjectionReport, RefusedReport, TableReport } from './model.ts'

/** @param owners null where they were not counted @param end nanoseconds from the first frame to the last */
export function tableReport(
  sizing: Sizing,
  owners: LargestOwners | null,
  settings: Settings,
  epoch: bigint | null,
  end: number,
  names = NO_NAMES,
): TableReport {
  const { occupancy, refusals } = sizing
  const atPeak = occupancy.atPeakByClass()
  const { peak, peakTime, exceededTime } = occupancy
  return {
    peak: {
      entries: peak,
      time: peakTime / 1e9,
      timeOfDay: peak === 0 || epoch === null ? null : formatTime(epoch + BigInt(peakTime)),
      byProtocol: byProtocol(atPeak),
      byState: byState(atPeak),
      assured: sumByReply(atPeak, 'assured'),
      unreplied: sumByReply(atPeak, 'unreplied'),
    },
    end: occupancy.live,
    created: occupancy.total,
    countPeak: {
      entries: occupancy.countPeak,
      time: occupancy.countPeakTime / 1e9,
      atMost: occupancy.countBound.peak,
    },
    max: settings.nf_conntrack_max,
    buckets: settings.nf_conntrack_buckets,
    outside: settings.nf_conntrack_count,
    exceeded: exceededTime < 0 ? null : exceededTime / 1e9,
    refused: refusals === null ? null : refusedReport(refusals),
    memoryBytes: tableMemory(peak, settings.nf_conntrack_buckets),
    entrySeconds: entrySeconds(occupancy, end),
    owners: owners === null ? null : ownersReport(owners, names),
    projection: occupancy.peak === 0 || sizing.isCutShort ? null : projectionReport(sizing.project(end)),
    timelineStep: occupancy.timeline.step / 1e9,
    timeline: occupancy.timeline.steps(end).map(step => ({ ...step, time: step.time / 1e9 })),
  }
}

function refusedReport(refusals: Refusals): RefusedReport {
  const { firstTime, lastTime } = refusals
  return {
    packets: refusals.packets,
    connections: refusals.connections,
    late: refusals.late,
    unsent: refusals.unsent,
    first: firstTime < 0 ? null : { capture: refusals.firstCapture, frame: refusals.firstFrame },
    firstTime: firstTime < 0 ? null : firstTime / 1e9,
    lastTime: lastTime < 0 ? null : lastTime / 1e9,
    fullSeconds: refusals.fullTime / 1e9,
    earlyDrops: refusals.earlyDrops,
    collected: refusals.collected,
    sources: refusedBy(refusals.sources),
    services: refusedBy(refusals.services),
  }
}

function refusedBy(owners: OwnerTable): RefusedReport['sources'] {
  return owners
    .largest(NAMED_OWNERS, 0)
    .held.map(owner => ({ name: ownerName(owner), connections: owner.held }))
}

function ownersReport(owners: LargestOwners, names: Names): OwnersReport {
  const named = (owner: Owner): OwnerReport => ownerReport(owner, names)
  return {
    sources: owners.sources.map(named),
    services: owners.services.map(named),
    sourcesByTime: owners.sourcesByTime.map(named),
    servicesByTime: owners.servicesByTime.map(named),
    secondsMissing: owners.heldError / 1e9,
  }
}

function ownerReport(owner: Owner, names: Names): OwnerReport {
  const { ipv6, words, protocol, port } = owner
  const address = ipv6 ? formatIpv6(...words) : formatIpv4(words[0])
  const called = names.nameAt(protocol, address, keepsPorts(protocol, port) ? port : -1)
  return {
    name: ownerName(owner),
    ...(called === '' ? {} : { called }),
    atPeak: owner.atPeak,
    entrySeconds: Number((owner.held / 1e9).toFixed(3)),
  }
}

/** `10.0.0.1`, `10.96.0.10:53/udp`, `[2001:db8::1]:443/tcp`, `10.0.0.1/icmp`. */
function ownerName({ ipv6, words, protocol, port }: Owner): string {
  const address = ipv6 ? formatIpv6(...words) : formatIpv4(words[0])
  if (protocol === 0) return address
  const name = protocolName(protocol)
  const suffix = `/${name === 'unknown' ? (assignedProtocolName(protocol) ?? protocol) : name}`
  if (!keepsPorts(protocol, port)) return address + suffix
  return `${ipv6 ? `[${address}]` : address}:${port}${suffix}`
}

function projectionReport(projection: Projection): ProjectionReport {
  const { level, low, high, measured, parts, open, rising, fullAfter } = projection
  return {
    level: Math.round(level),
    low: Math.floor(low),
    high: Math.ceil(high),
    measured: Math.round(measured),
    open: Math.round(open),
    rising: Number(rising.toFixed(3)),
    fullAfter: fullAfter === null ? null : Number(fullAfter.toFixed(3)),
    parts: parts
      .filter(part => part.entries >= 0.5)
      .map(part => ({
        ...part,
        rate: Number(part.rate.toFixed(3)),
        held: Number(part.held.toFixed(3)),
        entries: Math.round(part.entries),
        measured: Math.round(part.measured),
      })),
  }
}

function entrySeconds(occupancy: Occupancy, end: number): TableReport['entrySeconds'] {
  const totals = new Map<string, { protocol: string; state: string; seconds: number }>()
  for (let i = 0; i < OCCUPANCY_CLASSES; i++) {
    const held = occupancy.heldBy(i, end) / 1e9
    if (held < 1e-6) continue
    const { protocol, state } = describeClass(i)
    const key = `${protocol} ${state}`
    const total = totals.get(key) ?? { protocol, state, seconds: 0 }
    total.seconds += held
    totals.set(key, total)
  }
  return [...totals.values()]
    .map(total => ({ ...total, seconds: Number(total.seconds.toFixed(6)) }))
    .sort((a, b) => b.seconds - a.seconds)
}
