// Where the packets of an entry were seen: its trails at all points, as it came in and as it left.
import { DIRECTION_ORIGINAL, DIRECTION_REPLY } from '../conntrack/status.ts'
import type { Table } from '../conntrack/table.ts'
import { formatIpv4, formatIpv6 } from '../net/address.ts'
import { IPPROTO_TCP } from '../net/numbers.ts'
import type { FrameReference } from './finding.ts'
import { Sight } from './sight.ts'
import { CAPTURE, OPENING_FRAME, SIDE_FRAME, SYN, SYN_COUNT, TRAIL_SYN, type Trails } from './trails.ts'

/** Points of a trail that are asked. */
const MOST_POINTS = 64

export interface Whereabouts {
  client: string
  /** As it was meant, and what it was translated to. */
  flow: string
  /** The client's first packet and its last, and its SYNs, at each point that shows the flow in either form. */
  seen: { point: number; first: FrameReference; last: FrameReference; syns: number }[]
}

/** @param points how many points there are */
export function findWhereabouts(trails: Trails, points: number, table: Table, ct: number): Whereabouts {
  const sight = new Sight()
  const seen: Whereabouts['seen'] = []
  for (let point = 0; point < Math.min(points, MOST_POINTS); point++) {
    for (const isTranslated of [false, true]) {
      takeEntry(sight, table, ct, isTranslated)
      sight.point = point
      const trail = trails.find(sight)
      if (trail < 0 || trails.direction !== 0 || !trails.has(trail, TRAIL_SYN)) continue
      const capture = trails.get(trail, CAPTURE)
      const first = { capture, frame: trails.get(trail, SYN + OPENING_FRAME) }
      const last = { capture, frame: trails.side(trail, 0, SIDE_FRAME) }
      seen.push({ point, first, last, syns: trails.get(trail, SYN_COUNT) })
      break
    }
  }
  return { ...textOf(table, ct), seen }
}

/** The entry's first direction as it came in, or as it left: the inverse of the reply. */
function takeEntry(sight: Sight, table: Table, ct: number, isTranslated: boolean): void {
  const key = ct * 2 + (isTranslated ? DIRECTION_REPLY : DIRECTION_ORIGINAL)
  const words = table.isIpv6(ct) ? 4 : 1
  sight.family = words === 4 ? 6 : 4
  sight.protocol = table.protocol(ct)
  const ports = table.ports(key)
  sight.sourcePort = isTranslated ? ports & 0xffff : ports >>> 16
  sight.destinationPort = isTranslated ? ports >>> 16 : ports & 0xffff
  for (let i = 0; i < 4; i++) {
    const source = i < words ? table.sourceWord(key, i) : 0
    const destination = i < words ? table.destinationWord(key, i) : 0
    sight.source[i] = isTranslated ? destination : source
    sight.destination[i] = isTranslated ? source : destination
  }
}

function textOf(table: Table, ct: number): { client: string; flow: string } {
  const protocol = table.protocol(ct) === IPPROTO_TCP ? 'tcp' : 'udp'
  const original = ct * 2 + DIRECTION_ORIGINAL
  const reply = ct * 2 + DIRECTION_REPLY
  const client = endpoint(table, original, true)
  const asked = endpoint(table, original, false)
  const source = endpoint(table, reply, false)
  const destination = endpoint(table, reply, true)
  const text = `${protocol} ${client} -> ${asked}`
  if (source !== client) return { client, flow: `${text}, translated to ${source} -> ${destination}` }
  return { client, flow: destination === asked ? text : `${text}, translated to ${destination}` }
}

/** Source or destination of a key. */
export function endpoint(table: Table, key: number, isSource: boolean): string {
  const ports = table.ports(key)
  const port = isSource ? ports >>> 16 : ports & 0xffff
  const word = (index: number): number =>
    isSource ? table.sourceWord(key, index) : table.destinationWord(key, index)
  if (!table.isIpv6(key >> 1)) return `${formatIpv4(word(0))}:${port}`
  return `[${formatIpv6(word(0), word(1), word(2), word(3))}]:${port}`
}
