// The helpers that there are, and how they are assigned: nf_conntrack_helper_register(), xt_CT, nft_ct_helper.
import { IPPROTO_TCP, IPPROTO_UDP } from '../net/numbers.ts'
import { HELPER_SHIFT, MASTER_HELPER_SHIFT } from './status.ts'

/** Each with its protocols and the port it is usually assigned to. */
export const HELPERS = {
  ftp: { protocols: [IPPROTO_TCP], port: 21, isIpv4Only: false },
  tftp: { protocols: [IPPROTO_UDP], port: 69, isIpv4Only: false },
  irc: { protocols: [IPPROTO_TCP], port: 6667, isIpv4Only: true },
  pptp: { protocols: [IPPROTO_TCP], port: 1723, isIpv4Only: true },
  sip: { protocols: [IPPROTO_TCP, IPPROTO_UDP], port: 5060, isIpv4Only: false },
  amanda: { protocols: [IPPROTO_UDP], port: 10080, isIpv4Only: false },
  sane: { protocols: [IPPROTO_TCP], port: 6566, isIpv4Only: false },
  'netbios-ns': { protocols: [IPPROTO_UDP], port: 137, isIpv4Only: true },
  snmp: { protocols: [IPPROTO_UDP], port: 161, isIpv4Only: true },
} as const satisfies Record<string, { protocols: readonly number[]; port: number; isIpv4Only: boolean }>

export type HelperName = keyof typeof HELPERS

export const HELPER_NAMES = Object.keys(HELPERS) as readonly HelperName[]

/** What nf_conntrack_helper=1 assigns, all helpers being loaded. */
export const USUAL_ASSIGNMENTS: readonly HelperAssignment[] = HELPER_NAMES.map(helper => ({
  helper,
  port: HELPERS[helper].port,
}))

/** As a rule `-p tcp --dport 21 -j CT --helper ftp` does it. Plain data: it travels to threads. */
export interface HelperAssignment {
  helper: HelperName
  /** Destination port of the first packet. */
  port: number
}

/** An IPv4 network that the host is in: its own address there, the one that reaches all hosts of it, and its mask. */
export interface BroadcastNetwork {
  own: number
  broadcast: number
  mask: number
}

export function isHelperName(name: string): name is HelperName {
  return Object.hasOwn(HELPERS, name)
}

/** Helpers that translate the flows they announce as their own, where that is translated: those with a module nf_nat_*. */
const TRANSLATING: readonly HelperName[] = ['ftp', 'tftp', 'irc', 'pptp', 'sip', 'amanda']

export function translates(helper: HelperName): boolean {
  return TRANSLATING.includes(helper)
}

/** Helpers that write other addresses into payload, of whatever length. kernel: nf_nat_mangle_tcp_packet() */
const REWRITING: readonly HelperName[] = ['ftp', 'irc', 'sip']

/** Ports of protocols whose payload differs on both sides of a translation: usual ones, and those that were given. */
export function rewrittenPorts(given: readonly HelperAssignment[]): number[] {
  return [...USUAL_ASSIGNMENTS, ...given].flatMap(({ helper, port }) =>
    REWRITING.includes(helper) ? [port] : [],
  )
}

/** Whether a helper takes entries of a protocol and a family. */
export function takesEntries(helper: HelperName, protocol: number, isIpv6: boolean): boolean {
  const { protocols, isIpv4Only } = HELPERS[helper]
  return (protocols as readonly number[]).includes(protocol) && !(isIpv4Only && isIpv6)
}

/** A number from 1 to 15 for a helper, 0 for none. */
export function helperNumber(helper: HelperName | null): number {
  return helper === null ? 0 : HELPER_NAMES.indexOf(helper) + 1
}

/** Bits of an entry's status that name its helper, and those that name the helper of the flow that announced it. */
export function helperBits(helper: HelperName): number {
  return helperNumber(helper) << HELPER_SHIFT
}

export function masterHelperBits(helper: HelperName): number {
  return helperNumber(helper) << MASTER_HELPER_SHIFT
}

/** The helper of an entry, by its status; null for none. */
export function helperOf(status: number): HelperName | null {
  return nameOf((status >>> HELPER_SHIFT) & 0xf)
}

/** The helper of the flow that announced an entry; null for an entry that nobody announced. */
export function masterHelperOf(status: number): HelperName | null {
  return nameOf((status >>> MASTER_HELPER_SHIFT) & 0xf)
}

function nameOf(number: number): HelperName | null {
  return number === 0 ? null : (HELPER_NAMES[number - 1] ?? null)
}
