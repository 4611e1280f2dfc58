// What captures are, and where their frames were seen: the document of `ctpcap info --json`, docs/info-schema.md.
import type { Settings } from '../../conntrack/settings.ts'
import type { BridgeCall, Bridging } from '../../vantage/bridging.ts'
import type { ClockOffset } from '../../vantage/survey/clock-offset.ts'
import type { CaptureSurvey, Survey, TunnelSurvey } from '../../vantage/survey/survey.ts'
import { type Arrangement, arrangementOf } from '../analyze/arrangement.ts'
import { changedSettings } from '../analyze/changed-settings.ts'
import { type KernelReport, kernelReport } from '../analyze/kernel-report.ts'
import type { CaptureReport, ClockReport, FilterReport } from '../analyze/model.ts'
import { clockReports } from '../analyze/sightings-report.ts'
import { formatTime } from '../text/format.ts'

export const INFO_SCHEMA = 'ctpcap.info/1'

/** By their names in /etc/protocols; others go by number. */
const PROTOCOL_NAMES: Record<number, string> = {
  1: 'icmp',
  2: 'igmp',
  4: 'ipip',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  41: 'ipv6',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'icmpv6',
  89: 'ospf',
  103: 'pim',
  112: 'vrrp',
  132: 'sctp',
  136: 'udplite',
}

/** Times of day are ISO 8601 in UTC, durations seconds. */
export interface InfoReport {
  schema: typeof INFO_SCHEMA
  generator: string
  captures: CaptureInfo[]
  filter: FilterReport | null
  /** Sysctls of net.netfilter that were given and differ from the defaults, by name. */
  settings: Record<string, number>
  /** Whose conntrack the other commands would replay with the same options. */
  kernel: KernelReport
  /** Sysctls of the host beside them that were given, by their whole name. */
  host: Record<string, number>
  arrangement: Arrangement
  /** Seconds from the first frame of all captures to the last. */
  duration: number
  clocks: ClockReport[]
  points: PointInfo[]
  /** Packets that were seen being switched inside a bridge. */
  switched: number
  /** Whether conntrack meets those, and how that is known. */
  bridgeCalls: { ipv4: BridgeCall; ipv6: BridgeCall }
  /** IP packets by family, then protocol. */
  packets: { ipv4: Record<string, number>; ipv6: Record<string, number> }
  /** Frames without an IP packet: ARP and the like. */
  notIp: number
  undecodable: { reason: string; count: number; firstFrame: number }[]
  tunnels: TunnelSurvey[]
}

/** With what its frames tell; times in seconds. */
export interface CaptureInfo extends CaptureReport, Omit<CaptureSurvey, 'last' | 'gapFrame'> {
  gapFrame: number | null
}

export interface PointInfo {
  name: string
  capture: number
  interface: number
  interfaceIndex: number
  linkTypeName: string
  frames: number
  bytes: number
  firstTime: string
  lastTime: string
}

export interface Surveyed {
  generator: string
  captures: CaptureReport[]
  filter: FilterReport | null
  sysctls: { settings: Settings; host: Partial<Record<string, number>> }
  /** Interfaces of all captures, in the order of `FrameSource.interfaces`. */
  interfaces: readonly { capture: number; linkTypeName: string }[]
  epoch: bigint
  end: number
  offsets: readonly (ClockOffset | null)[]
  survey: Survey
  bridging: Bridging
}

export function buildInfoReport(surveyed: Surveyed): InfoReport {
  const { captures, survey, bridging } = surveyed
  return {
    schema: INFO_SCHEMA,
    generator: surveyed.generator,
    captures: captures.map((capture, i) => captureInfo(capture, survey.captures[i])),
    filter: surveyed.filter,
    settings: changedSettings(surveyed.sysctls.settings),
    kernel: kernelReport(surveyed.sysctls.settings.kernel),
    host: { ...surveyed.sysctls.host } as Record<string, number>,
    arrangement: arrangementOf(captures),
    duration: surveyed.end / 1e9,
    clocks: clockReports(surveyed.offsets),
    points: pointReports(surveyed),
    switched: bridging.switched,
    bridgeCalls: { ipv4: { ...bridging.ipv4 }, ipv6: { ...bridging.ipv6 } },
    packets: { ipv4: byProtocol(survey.protocols, 0), ipv6: byProtocol(survey.protocols, 256) },
    notIp: survey.notIp,
    undecodable: survey.undecodable(),
    tunnels: survey.tunnels(),
  }
}

function pointReports({ survey, interfaces, epoch }: Surveyed): InfoReport['points'] {
  return survey.points.all.flatMap(({ interface: index, interfaceIndex, frames }, point) => {
    const [at, seen] = [interfaces[index], survey.atPoint[point]]
    if (at === undefined || seen === undefined) return []
    return {
      name: survey.points.name(point),
      capture: at.capture,
      interface: index,
      interfaceIndex,
      linkTypeName: at.linkTypeName,
      frames,
      bytes: seen.bytes,
      firstTime: formatTime(epoch + wholeNanoseconds(seen.first)),
      lastTime: formatTime(epoch + wholeNanoseconds(seen.last)),
    }
  })
}

/** Beyond 104 days a double has no single nanoseconds any more. */
function wholeNanoseconds(time: number): bigint {
  return BigInt(Number.isSafeInteger(time) ? time : Math.round(time / 1000) * 1000)
}

function captureInfo(capture: CaptureReport, survey: CaptureSurvey | undefined): CaptureInfo {
  return {
    ...capture,
    capturedBytes: survey?.capturedBytes ?? 0,
    originalBytes: survey?.originalBytes ?? 0,
    truncated: survey?.truncated ?? 0,
    sameStamp: survey?.sameStamp ?? 0,
    mostBack: (survey?.mostBack ?? 0) / 1e9,
    longestGap: (survey?.longestGap ?? 0) / 1e9,
    gapFrame: survey === undefined || survey.gapFrame === 0 ? null : survey.gapFrame,
  }
}

function byProtocol(counts: Float64Array, from: number): Record<string, number> {
  const found = [...counts.subarray(from, from + 256).entries()]
    .filter(([, count]) => count > 0)
    .sort(([a, countA], [b, countB]) => countB - countA || a - b)
  return Object.fromEntries(found.map(([number, count]) => [PROTOCOL_NAMES[number] ?? String(number), count]))
}
