// What several observation points come to: where frames were seen, how many show the same packet, what crossed a bridge.
import type { Host } from '../../host/topology/topology.ts'
import type { OtherTables } from '../../vantage/other-tables.ts'
import type { ClockOffset } from '../../vantage/survey/clock-offset.ts'
import type { SightingWindow } from '../../vantage/window.ts'
import { formatCount, plural, printable } from '../text/format.ts'
import type { CaptureReport, ClockReport, Report, SightingsReport } from './model.ts'

/** Points that the text names. */
const NAMED_POINTS = 12

/** Describes a window at the end of its replay. @param offsets of each capture's clock, null where it is right */
export function sightingsReport(
  window: SightingWindow,
  offsets: readonly (ClockOffset | null)[],
  host: Host | null,
): SightingsReport {
  const { points, bridging } = window
  return {
    points: points.all.map(({ interface: index, interfaceIndex, frames }, point) => ({
      name: points.name(point),
      interface: index,
      interfaceIndex,
      ...roleOf(points.name(point), interfaceIndex, host),
      frames,
    })),
    copies: window.copies,
    translated: window.translations,
    switched: bridging.switched,
    bridgeCalls: { ipv4: { ...bridging.ipv4 }, ipv6: { ...bridging.ipv6 } },
    clocks: clockReports(offsets),
    oneSided: window.oneSided,
    ...otherTablesReport(window.otherTables),
  }
}

function otherTablesReport({ count, first }: OtherTables): Pick<SightingsReport, 'otherTables'> {
  return first === null ? {} : { otherTables: { packets: count, ...first } }
}

/** What a host says of an interface, by index or by name. */
function roleOf(name: string, index: number, host: Host | null): { role?: string } {
  const device = index === 0 ? host?.interfaces.get(name) : host?.byIndex(index)
  const role = host === null || !device ? '' : host.roleOf(device)
  return role === '' ? {} : { role }
}

export function clockReports(offsets: readonly (ClockOffset | null)[]): ClockReport[] {
  return offsets.flatMap((offset, capture) => {
    if (offset === null) return []
    const { reference, packets } = offset
    return [{ capture, reference, correction: offset.correction / 1e9, packets }]
  })
}

/** @param isFull whether points and packets that several of them show are wanted */
export function sightingLines({ sightings, captures, packets }: Report, isFull: boolean): string[] {
  if (sightings === null) return []
  if (!isFull)
    return [...shortPointLines(sightings), ...sightings.clocks.map(clock => clockText(clock, captures))]
  const lines: string[] = []
  const { points, copies, translated } = sightings
  if (points.length > 0) {
    const named = points
      .slice(0, NAMED_POINTS)
      .map(
        ({ name, role, frames }) =>
          `${printable(name)} (${role === undefined ? '' : `${printable(role)}, `}${plural(frames, 'frame')})`,
      )
    lines.push(`seen at ${named.join(', ')}${points.length > NAMED_POINTS ? ', …' : ''}`)
  }
  if (copies > 0 || translated > 0) {
    const same = copies === 1 ? 'frame is the same packet' : 'frames are the same packets'
    lines.push(
      `${formatCount(copies)} ${same} at another point; ${plural(translated, 'packet')} seen before and after NAT`,
    )
  }
  return [
    ...lines,
    ...(sightings.switched === 0 && packets.unmet > sightings.oneSided
      ? [`${plural(packets.unmet - sightings.oneSided, 'multicast packet')} for routers, not for this host`]
      : switchedLines(sightings)),
    ...sightings.clocks.map(clock => clockText(clock, captures)),
  ]
}

/** The points in a line: `seen at 5 interfaces: any#4, any#2 …`. */
function shortPointLines({ points }: SightingsReport): string[] {
  if (points.length === 0) return []
  const named = points.slice(0, NAMED_POINTS).map(({ name }) => printable(name))
  return [`seen at ${named.join(', ')}${points.length > NAMED_POINTS ? ', …' : ''}`]
}

/** Says how far the clock of a capture is off. */
export function clockText(clock: ClockReport, captures: readonly Pick<CaptureReport, 'path'>[]): string {
  const path = (index: number) => printable(captures[index]?.path ?? '')
  const seconds = Math.abs(clock.correction).toFixed(6)
  const where = clock.correction < 0 ? 'ahead of' : 'behind'
  return (
    `the clock of ${path(clock.capture)} is ${seconds} s ${where} that of ${path(0)}, ` +
    `by ${clock.packets} packets that it has in common with ${path(clock.reference)}: corrected`
  )
}

/** Which packets met conntrack is a matter of br_netfilter wherever a bridge was seen to switch some. */
export function switchedLines({
  switched,
  bridgeCalls,
}: Pick<SightingsReport, 'switched' | 'bridgeCalls'>): string[] {
  if (switched === 0) return []
  const calls = [
    { name: 'bridge-nf-call-iptables', ...bridgeCalls.ipv4 },
    { name: 'bridge-nf-call-ip6tables', ...bridgeCalls.ipv6 },
  ]
  const known = calls.filter(({ origin }) => origin !== 'assumed')
  const words = (known.length > 0 ? known : calls.slice(0, 1)).map(
    ({ name, value, origin }) => `${name}=${value}, ${ORIGIN_WORDS[origin]}`,
  )
  return [`${plural(switched, 'packet')} switched inside a bridge (${words.join('; ')})`]
}

const ORIGIN_WORDS = {
  assumed: 'assumed: no packet tells',
  concluded: 'concluded from the packets',
  given: 'by --sysctl or --set',
}
