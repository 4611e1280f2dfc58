// Entries that a helper was assigned to, and what it makes of their packets: nf_conntrack_helper.c, and help() of each helper.
import { IPPROTO_GRE, IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import type { Packet } from '../../packet/packet.ts'
import { UDP_HEADER_LENGTH } from '../../packet/udp.ts'
import type { Context } from '../context.ts'
import {
  type BroadcastNetwork,
  HELPERS,
  type HelperAssignment,
  type HelperName,
  helperBits,
  masterHelperBits,
  takesEntries,
  translates,
} from '../helper-assignment.ts'
import type { Settings } from '../settings.ts'
import {
  DIRECTION_ORIGINAL,
  DIRECTION_REPLY,
  HELPER_SHIFT,
  IPS_EXPECTED,
  IPS_HELPER,
  IPS_NAT_DONE_MASK,
  IPS_NAT_MASK,
  STATE_ESTABLISHED,
} from '../status.ts'
import { ENTRY_SHIFT, KEY_PORTS, KEY_SHIFT, STATUS } from '../table-layout.ts'
import { hashTuple, KIND_IPV6, type Tuple } from '../tuple.ts'
import { readPorts } from './amanda.ts'
import { type Added, EXPECT_PERMANENT, type Expectation, Expectations } from './expectations.ts'
import { Expecting } from './expecting.ts'
import { LineEnds, readFtp } from './ftp.ts'
import { type CallSide, GreKeys, tupleOfSide } from './gre-keys.ts'
import { readOffers } from './irc.ts'
import { NEWLINE, type Span } from './payload.ts'
import { PptpSession } from './pptp.ts'
import { SIP_TIMEOUT, SipSession } from './sip.ts'

const TFTP_READ = 1
const TFTP_WRITE = 2

/** Seconds for which an answer of Amanda may take. kernel: master_timeout */
const AMANDA_TIMEOUT = 300

/** SANE: a request of eight bytes to begin a scan, and its answer: status, a zero, the port. */
const SANE_NET_START = 7
const SANE_LENGTH = 8

/** What a helper remembers of an entry. */
type Master =
  | { helper: 'ftp'; lines: LineEnds }
  | { helper: 'pptp'; session: PptpSession }
  | { helper: 'sip'; session: SipSession }
  | { helper: 'sane'; hasStarted: boolean }
  | { helper: 'tftp' | 'irc' | 'amanda' | 'netbios-ns' | 'snmp' }

export class Assigned {
  readonly expectations: Expectations
  private readonly assignments: readonly HelperAssignment[]
  private readonly context: Context
  private readonly expecting: Expecting
  private readonly networks: readonly BroadcastNetwork[]
  private readonly greKeys = new GreKeys()
  private readonly masters = new Map<number, Master>()
  /** Tuples of flows that end because the call that announced them has. */
  private readonly doomed: Tuple[] = []

  constructor({ helpers, networks, nf_conntrack_expect_max }: Settings, context: Context) {
    this.assignments = helpers
    this.networks = networks
    this.context = context
    this.expectations = new Expectations(nf_conntrack_expect_max)
    this.expecting = new Expecting(context, this.expectations)
  }

  /**
   * Entry `ct` is made for a packet of `tuple`; returns the IPS_* bits that it gets. kernel: init_conntrack()
   * @param helper that a rule in front of conntrack assigned, or null
   */
  begins(ct: number, tuple: Tuple, helper: HelperName | null): number {
    const { context } = this
    const found = this.expectations.take(tuple, context.jiffies)
    const protocol = tuple.kind & 0xff
    const isIpv6 = tuple.kind >= KIND_IPV6
    if (found !== null) {
      if (protocol === IPPROTO_GRE) this.beginCall(ct, tuple)
      const own = found.assigns === null ? 0 : this.take(ct, protocol, found.assigns)
      return IPS_EXPECTED | masterHelperBits(found.helper) | own | this.natOf(found)
    }
    const name =
      helper ??
      this.assignments.find(
        each => takesEntries(each.helper, protocol, isIpv6) && each.port === (tuple.ports & 0xffff),
      )?.helper
    if (name === undefined || !takesEntries(name, protocol, isIpv6)) return 0
    return IPS_HELPER | this.take(ct, protocol, name)
  }

  /** A flow that a translated one announced is translated by its helper. kernel: nf_nat_follow_master() */
  private natOf({ master, helper }: Expectation): number {
    const isTranslated = (this.context.table.status(master) & IPS_NAT_MASK) !== 0
    return isTranslated && translates(helper) ? IPS_NAT_DONE_MASK : 0
  }

  /** A rule behind conntrack assigns a helper to entry `ct`, which is not confirmed. kernel: nft_ct_helper_obj_eval() */
  assign(ct: number, helper: HelperName): void {
    const { table } = this.context
    if ((table.status(ct) & IPS_HELPER) !== 0) return
    const protocol = table.protocol(ct)
    if (!takesEntries(helper, protocol, table.isIpv6(ct))) return
    const at = (ct << ENTRY_SHIFT) + STATUS
    table.entries[at] =
      (table.entries[at] & ~(0xf << HELPER_SHIFT)) | IPS_HELPER | this.take(ct, protocol, helper)
  }

  /** @returns bits that name the helper */
  private take(ct: number, protocol: number, helper: HelperName): number {
    this.masters.set(ct, this.masterOf(ct, protocol, helper))
    return helperBits(helper)
  }

  private masterOf(ct: number, protocol: number, helper: HelperName): Master {
    switch (helper) {
      case 'ftp':
        return { helper, lines: new LineEnds() }
      case 'pptp':
        return { helper, session: new PptpSession() }
      case 'sip':
        return { helper, session: new SipSession(ct, protocol, this.expecting) }
      case 'sane':
        return { helper, hasStarted: false }
      default:
        return { helper }
    }
  }

  /** Entry `ct` is no more. */
  ends(ct: number): void {
    const master = this.masters.get(ct)
    if (master === undefined) return
    this.masters.delete(ct)
    if (master.helper === 'pptp') this.endCalls(ct, master.session)
    this.expectations.forget(ct)
  }

  /** Whether there is anything to end. */
  get hasDoomed(): boolean {
    return this.doomed.length > 0
  }

  /** Gives the tuple of a GRE packet the key that it comes from, by the calls that are known. kernel: gre_pkt_to_tuple() */
  addGreKey(tuple: Tuple): void {
    if ((tuple.kind & 0xff) !== IPPROTO_GRE || tuple.ports === 0) return
    tuple.ports = (this.greKeys.find(tuple) << 16) | (tuple.ports & 0xffff)
  }

  /**
   * Looks at a packet of entry `ct` behind its verdict. kernel: nf_confirm()
   * @returns false when the helper drops it
   */
  help(ct: number, packet: Packet, state: number, direction: number): boolean {
    const master = this.masters.get(ct)
    if (master === undefined) return true
    const data = payloadOf(packet)
    if (data === null) return true
    // until there was traffic both ways a segment says nothing
    if (packet.protocol === IPPROTO_TCP && (state !== STATE_ESTABLISHED || data.end === data.start))
      return true
    switch (master.helper) {
      case 'ftp':
        return this.helpFtp(ct, data, packet.sequence, direction, master.lines)
      case 'tftp':
        return this.helpTftp(ct, data)
      case 'irc':
        return this.helpIrc(ct, data, direction)
      case 'amanda':
        return this.helpAmanda(ct, data, direction)
      case 'sane':
        return this.helpSane(ct, data, direction, master)
      case 'sip':
        if (data.end === data.start) return true
        this.context.extend(ct, SIP_TIMEOUT * this.context.table.hz)
        return master.session.take(data, direction)
      case 'pptp':
        this.helpPptp(ct, data, direction, master.session)
        return true
      case 'netbios-ns':
      case 'snmp':
        if (direction === DIRECTION_ORIGINAL) this.helpBroadcast(ct, master.helper)
        return true
    }
  }

  private helpFtp(ct: number, data: Span, sequence: number, direction: number, lines: LineEnds): boolean {
    const { expecting } = this
    if (lines.begins(direction, sequence)) {
      const { table, traits } = this.context
      const reading = readFtp(data, direction, table.isIpv6(ct), traits.ftpBoundedNumbers)
      if (reading === 'partial') return false
      if (reading !== 'none') {
        const own = expecting.addressOf(ct, 1 - direction, false)
        const named = expecting.addressOf(ct, direction, true)
        const address = reading.address ?? named
        // somewhere else: only with the module's parameter loose=1
        if (address.every((word, i) => word === named[i])) {
          const source = expecting.addressOf(ct, 1 - direction, true)
          const wanted = { protocol: IPPROTO_TCP, source, destination: own, port: reading.port }
          if (!this.isAgreed(ct, expecting.expect(ct, 'ftp', wanted))) return false
        }
      }
    }
    const { bytes, start, end } = data
    if (bytes[end - 1] === NEWLINE) lines.note(direction, (sequence + end - start) | 0)
    return true
  }

  /** Behind a translation a helper offers another port than one that is taken: by chance, so that nobody knows which. kernel: nf_nat_exp_find_port() */
  private isAgreed(ct: number, added: Added): boolean {
    const isTranslated = (this.context.table.status(ct) & IPS_NAT_MASK) !== 0
    return added === 'added' || (added === 'clashes' && isTranslated)
  }

  private helpTftp(ct: number, { bytes, start, end }: Span): boolean {
    if (end - start < 2) return true
    const opcode = (bytes[start] << 8) | bytes[start + 1]
    if (opcode !== TFTP_READ && opcode !== TFTP_WRITE) return true
    const { expecting, context } = this
    const added = expecting.expect(ct, 'tftp', {
      protocol: context.table.protocol(ct),
      source: expecting.addressOf(ct, DIRECTION_REPLY, true),
      destination: expecting.addressOf(ct, DIRECTION_REPLY, false),
      port: expecting.portOf(ct, DIRECTION_REPLY, false),
    })
    return added === 'added'
  }

  private helpIrc(ct: number, data: Span, direction: number): boolean {
    if (direction !== DIRECTION_ORIGINAL) return true
    const { expecting } = this
    const isStrict = this.context.traits.ircStrict
    const [own] = expecting.addressOf(ct, DIRECTION_ORIGINAL, true)
    const [server] = expecting.addressOf(ct, DIRECTION_ORIGINAL, false)
    const [outside] = expecting.addressOf(ct, DIRECTION_REPLY, false)
    for (const { address, port } of readOffers(data, isStrict)) {
      const isOwn = address === own || address === (isStrict ? outside : server)
      // "Forged DCC command"
      if (!isOwn || (isStrict && port === 0)) continue
      const destination = expecting.addressOf(ct, DIRECTION_REPLY, false)
      const wanted = { protocol: IPPROTO_TCP, source: null, destination, port }
      return this.isAgreed(ct, expecting.expect(ct, 'irc', wanted))
    }
    return true
  }

  private helpAmanda(ct: number, data: Span, direction: number): boolean {
    if (direction === DIRECTION_ORIGINAL) return true
    const { expecting, context } = this
    context.extend(ct, AMANDA_TIMEOUT * context.table.hz)
    let isFine = true
    for (const port of readPorts(data)) {
      const added = expecting.expect(ct, 'amanda', { ...this.forth(ct), protocol: IPPROTO_TCP, port })
      if (added !== 'added') isFine = false
    }
    return isFine
  }

  private helpSane(
    ct: number,
    { bytes, start, end }: Span,
    direction: number,
    master: { hasStarted: boolean },
  ): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start)
    if (direction === DIRECTION_ORIGINAL) {
      if (view.byteLength === SANE_LENGTH) master.hasStarted = view.getInt32(0) === SANE_NET_START
      return true
    }
    const isAnswer = master.hasStarted
    master.hasStarted = false
    if (!isAnswer || view.byteLength < SANE_LENGTH) return true
    if (view.getInt32(0) !== 0 || view.getUint16(4) !== 0) return true
    const wanted = { ...this.forth(ct), protocol: IPPROTO_TCP, port: view.getUint16(6) }
    return this.expecting.expect(ct, 'sane', wanted) === 'added'
  }

  /** The host's own question to all of a network: each of them may answer. kernel: nf_conntrack_broadcast_help() */
  private helpBroadcast(ct: number, helper: 'netbios-ns' | 'snmp'): void {
    const { expecting, context } = this
    const { source, destination } = this.forth(ct)
    const asked = this.networks.find(
      ({ own, broadcast }) => own === source[0] && broadcast === destination[0],
    )
    if (asked === undefined) return
    expecting.expect(ct, helper, {
      protocol: IPPROTO_UDP,
      source: expecting.addressOf(ct, DIRECTION_REPLY, true),
      mask: [asked.mask],
      sourcePort: HELPERS[helper].port,
      destination: expecting.addressOf(ct, DIRECTION_REPLY, false),
      port: expecting.portOf(ct, DIRECTION_REPLY, false),
      flags: EXPECT_PERMANENT,
    })
    context.extend(ct, expecting.lifetimeOf(helper))
  }

  /** From the client to the server, as the first packet went. */
  private forth(ct: number): { source: number[]; destination: number[] } {
    const { expecting } = this
    return {
      source: expecting.addressOf(ct, DIRECTION_ORIGINAL, true),
      destination: expecting.addressOf(ct, DIRECTION_ORIGINAL, false),
    }
  }

  private helpPptp(ct: number, { bytes, start, end }: Span, direction: number, session: PptpSession): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start)
    const isTranslated = (this.context.table.status(ct) & IPS_NAT_MASK) !== 0
    const outside = isTranslated ? this.expecting.portOf(ct, DIRECTION_REPLY, false) : null
    const news = session.take(view, direction, outside)
    if (news === 'call') this.expectCall(ct, session)
    else if (news === 'over') this.endCalls(ct, session)
  }

  /** kernel: exp_gre() */
  private expectCall(ct: number, session: PptpSession): void {
    const { expecting, expectations } = this
    const [forth, back] = this.sidesOf(ct, session)
    if (expecting.expect(ct, 'pptp', { ...forth, protocol: IPPROTO_GRE }) !== 'added') return
    const isBoth = expecting.expect(ct, 'pptp', { ...back, protocol: IPPROTO_GRE }) === 'added'
    if (isBoth && this.greKeys.add(ct, forth, back)) return
    // the second call of a connection has no key of its own
    for (const side of isBoth ? [back, forth] : [forth]) {
      const vain = expectations.ofMaster(ct).find(each => expects(each, side))
      if (vain !== undefined) expectations.remove(vain)
    }
  }

  /** Both directions of a call. */
  private sidesOf(ct: number, { clientCall, clientOwn, serverCall }: PptpSession): [CallSide, CallSide] {
    const { expecting } = this
    const kind = (this.context.table.kind(ct) & ~0xff) | IPPROTO_GRE
    const source = expecting.addressOf(ct, DIRECTION_REPLY, true)
    const destination = expecting.addressOf(ct, DIRECTION_REPLY, false)
    return [
      { ...this.forth(ct), kind, sourcePort: clientOwn, port: serverCall },
      { source, destination, kind, sourcePort: serverCall, port: clientCall },
    ]
  }

  /** A call begins: the other direction is expected no more, and its answers come to the client's id. kernel: pptp_expectfn() */
  private beginCall(ct: number, tuple: Tuple): void {
    const { table } = this.context
    const key = this.greKeys.answersTo(tuple)
    const otherSide = this.greKeys.otherSide(tuple)
    if (key === null || otherSide === null) return
    const at = ((ct * 2 + DIRECTION_REPLY) << KEY_SHIFT) + KEY_PORTS
    table.keys[at] = (table.keys[at] & ~0xffff) | key
    const other = this.expectations.find(otherSide)
    if (other !== null) this.expectations.remove(other)
  }

  /** kernel: pptp_destroy_siblings() */
  private endCalls(ct: number, session: PptpSession): void {
    this.greKeys.remove(ct)
    const [forth, back] = this.sidesOf(ct, session)
    this.doomed.push(tupleOfSide({ ...forth, sourcePort: session.clientCall }), tupleOfSide(back))
  }

  /** Ends what is doomed: entries, or, of those that have not begun, their expectations. @param end takes an entry out */
  endDoomed(end: (ct: number) => void): void {
    const { table } = this.context
    for (const tuple of this.doomed.splice(0)) {
      const key = table.find(tuple, hashTuple(tuple))
      const expected = key < 0 ? this.expectations.find(tuple) : null
      if (key >= 0) end(key >> 1)
      else if (expected !== null) this.expectations.remove(expected)
    }
  }
}

function expects({ port, sourcePort }: Expectation, side: CallSide): boolean {
  return port === side.port && sourcePort === side.sourcePort
}

/** The payload of a segment or a datagram; null where the capture cut it off: then nobody can read it. */
function payloadOf(packet: Packet): Span | null {
  const { transportOffset, transportLength, transportCaptured, bytes } = packet
  if (transportCaptured < transportLength) return null
  const header = packet.protocol === IPPROTO_TCP ? packet.tcpHeaderLength : UDP_HEADER_LENGTH
  if (header > transportLength) return null
  return { bytes, start: transportOffset + header, end: transportOffset + transportLength }
}

/** Whether the first packets of a flow are RELATED: it was expected, and nobody has answered. */
export function isRelated(status: number, direction: number): boolean {
  return (status & IPS_EXPECTED) !== 0 && direction === DIRECTION_ORIGINAL
}
