// What a packet carries from rule to rule: marks, and what rules in front of conntrack decided; sk_buff, nf_conn.
import type { HelperName } from '../../conntrack/helper-assignment.ts'

/** One of the ways a packet may be on; equal ones are one. */
export interface Way {
  /** The packet's mark and its connection's; null where nobody knows. */
  mark: number | null
  connMark: number | null
  isUntracked: boolean
  /** Whether an entry or a template is at the packet, so that neither NOTRACK nor a zone changes it any more. */
  isFixed: boolean
  /** The zone it is looked up in, and the one direction whose tuples are there, or null for both. */
  zone: number
  zoneDirection: 'original' | 'reply' | null
  /** The helper that its entry gets, if it makes one. */
  helper: HelperName | null
}

export const FIRST_WAY: Way = {
  mark: 0,
  connMark: 0,
  isUntracked: false,
  isFixed: false,
  zone: 0,
  zoneDirection: null,
  helper: null,
}

/** Ways that are told apart; with more of them their marks are not known. */
const MOST_WAYS = 8

function isSame(a: Way, b: Way): boolean {
  return (
    a.mark === b.mark &&
    a.connMark === b.connMark &&
    a.isUntracked === b.isUntracked &&
    a.isFixed === b.isFixed &&
    a.zone === b.zone &&
    a.zoneDirection === b.zoneDirection &&
    a.helper === b.helper
  )
}

/** Adds a way to `ways`, unless it is there. */
export function addWay(ways: Way[], way: Way): void {
  if (!ways.some(known => isSame(known, way))) ways.push(way)
  if (ways.length <= MOST_WAYS) return
  const blurred = ways.map(own => ({ ...own, mark: null, connMark: null }))
  ways.length = 0
  for (const own of blurred) addWay(ways, own)
}

/** `mark = (mark & ~clear) ^ flip`. */
export function changedMark(mark: number | null, clear: number, flip: number | null): number | null {
  return mark === null || flip === null ? null : ((mark & ~clear) ^ flip) >>> 0
}

/** kernel: connmark_tg_shift() for XT_CONNMARK_SAVE */
export function savedMark(way: Way, packetMask: number, connectionMask: number): number | null {
  if (way.mark === null || way.connMark === null) return null
  return ((way.connMark & ~connectionMask) ^ (way.mark & packetMask)) >>> 0
}

/** kernel: connmark_tg_shift() for XT_CONNMARK_RESTORE */
export function restoredMark(way: Way, packetMask: number, connectionMask: number): number | null {
  if (way.mark === null || way.connMark === null) return null
  return ((way.mark & ~packetMask) ^ (way.connMark & connectionMask)) >>> 0
}

/** Whether one of some ways leads into a zone. */
export function haveZones(ways: readonly Way[]): boolean {
  return ways.some(({ zone }) => zone !== 0)
}

/** Whether all ways are untracked. */
export function areUntracked(ways: readonly Way[]): boolean {
  return ways.every(({ isUntracked }) => isUntracked)
}
