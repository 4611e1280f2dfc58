// The SIP helper: calls whose media are expected, registrations that expect calls (nf_conntrack_sip.c; RFC 3261).
import { IPPROTO_TCP, IPPROTO_UDP } from '../../net/numbers.ts'
import { IPS_EXPECTED } from '../status.ts'
import { EXPECT_INACTIVE, EXPECT_PERMANENT } from './expectations.ts'
import { type Expecting, isSameAddress } from './expecting.ts'
import { findText, hasWord, isLetter, SPACE, type Span } from './payload.ts'
import { CONTACT, CONTENT_LENGTH, CSEQ, EXPIRES, readNumber, SipMessage } from './sip-message.ts'

/** Seconds for which a signalling flow lives on behind each message. kernel: sip_timeout */
export const SIP_TIMEOUT = 3600

const SIGNALLING = 0
const STATUS_LINE = 'SIP/2.0 '
/** What is shorter than a status line is no message. */
const SHORTEST = 11
const END_OF_HEADERS = '\r\n\r\n'

/** Methods that are looked at, in the order in which they are tried. */
const METHODS = ['INVITE', 'UPDATE', 'ACK', 'PRACK', 'BYE', 'REGISTER'] as const

/** One signalling flow. kernel: struct nf_ct_sip_master */
export class SipSession {
  private readonly ct: number
  private readonly protocol: number
  private readonly expecting: Expecting
  private registerSequence = 0
  private inviteSequence = 0

  constructor(ct: number, protocol: number, expecting: Expecting) {
    this.ct = ct
    this.protocol = protocol
    this.expecting = expecting
  }

  /** Takes a datagram, or a segment, which counts as far as it has whole messages. @returns false when it is dropped */
  take(data: Span, direction: number): boolean {
    if (data.end - data.start < SHORTEST) return true
    if (this.protocol === IPPROTO_UDP) return this.message(this.read(data), direction)
    for (let start = data.start; start < data.end; ) {
      const end = this.endOfMessage({ ...data, start })
      if (end < 0) return true
      if (!this.message(this.read({ ...data, start, end }), direction)) return false
      start = end
    }
    return true
  }

  private read(data: Span): SipMessage {
    const { table, traits } = this.expecting.context
    return new SipMessage(data, table.isIpv6(this.ct), traits.sipStrictPorts)
  }

  /** Where a message ends by its Content-Length, or -1: it is not whole. kernel: sip_help_tcp() */
  private endOfMessage(data: Span): number {
    const length = this.read(data).number(CONTENT_LENGTH)
    if (typeof length === 'string' || length.value > data.end - data.start) return -1
    const headers = findText(data, length.end, END_OF_HEADERS)
    if (headers < 0) return -1
    const end = headers + END_OF_HEADERS.length + length.value
    return end > data.end ? -1 : end
  }

  /** kernel: process_sip_msg() */
  private message(message: SipMessage, direction: number): boolean {
    const { data } = message
    if (hasWord(data, data.start, STATUS_LINE)) return this.response(message, direction)
    const method = METHODS.find(name => isRequest(data, name))
    if (method === undefined) return true
    const sequence = message.number(CSEQ)
    return typeof sequence === 'string' ? false : this.request(method, message, sequence.value, direction)
  }

  private request(
    method: (typeof METHODS)[number],
    message: SipMessage,
    sequence: number,
    direction: number,
  ) {
    switch (method) {
      case 'INVITE': {
        this.flush(true)
        const isFine = this.describe(message, direction)
        if (isFine) this.inviteSequence = sequence
        return isFine
      }
      case 'UPDATE':
      case 'ACK':
      case 'PRACK':
        return this.describe(message, direction)
      case 'BYE':
        this.flush(true)
        return true
      case 'REGISTER':
        return this.register(message, sequence, direction)
    }
  }

  /** kernel: process_sip_response() */
  private response(message: SipMessage, direction: number): boolean {
    const { data } = message
    const code = readNumber(data, data.start + STATUS_LINE.length)?.value ?? 0
    if (code === 0) return false
    const sequence = message.number(CSEQ)
    if (typeof sequence === 'string') return false
    const at = sequence.end + 1
    const isFinal = code < 100 || code > 299
    if (hasWord(data, at, 'REGISTER')) return this.registered(message, sequence.value, code, direction)
    if (!['INVITE', 'UPDATE', 'PRACK'].some(name => hasWord(data, at, name))) return true
    if (!isFinal) return this.describe(message, direction)
    if (this.inviteSequence === sequence.value) this.flush(true)
    return true
  }

  /** Expects the media of a session description: RTP and, at the next port, RTCP. kernel: process_sdp() */
  private describe(message: SipMessage, direction: number): boolean {
    for (const { class: own, port, address } of message.media()) {
      if (port < 1024 || port > 0xffff || address === null) return false
      if (!this.expectMedia(own, address, port, direction)) return false
    }
    return true
  }

  /** kernel: set_expected_rtp_rtcp(), for media between those who signal (sip_direct_media) */
  private expectMedia(own: number, address: readonly number[], port: number, direction: number): boolean {
    const { ct, expecting } = this
    if (!isSameAddress(address, expecting.addressOf(ct, direction, true))) return true
    const media = {
      protocol: IPPROTO_UDP,
      source: expecting.addressOf(ct, 1 - direction, true),
      destination: expecting.addressOf(ct, 1 - direction, false),
      class: own,
      ofAny: true,
    }
    const base = port & ~1
    for (const each of [base, base + 1]) {
      const added = expecting.expect(ct, 'sip', { ...media, port: each })
      if (added !== 'added' && added !== 'exists') return false
    }
    return true
  }

  /** kernel: process_register_request() */
  private register(message: SipMessage, sequence: number, direction: number): boolean {
    const { ct, expecting } = this
    if ((expecting.context.table.status(ct) & IPS_EXPECTED) !== 0) return true
    const general = message.number(EXPIRES)
    const contact = message.uri(CONTACT)
    if (contact === 'bad') return false
    if (contact === 'none') return true
    if (!isSameAddress(contact.address, expecting.addressOf(ct, direction, true))) return true
    if (!message.isBy(this.transport, contact.end)) return true
    const own = message.parameter('expires=', contact.end)
    if (own === 'bad') return false
    const expires = own === 'none' ? (typeof general === 'string' ? 0 : general.value) : own
    if (expires !== 0 && !this.expectCalls(contact.port, direction)) return false
    this.registerSequence = sequence
    return true
  }

  /** Calls come to where the client registered, once the registrar has agreed. */
  private expectCalls(port: number, direction: number): boolean {
    const { ct, expecting } = this
    // kernel: nf_nat_sip_expect(): the port that signals is the one that it is translated to
    const isOwn = port === expecting.portOf(ct, direction, true)
    const added = expecting.expect(ct, 'sip', {
      protocol: this.protocol,
      source: expecting.addressOf(ct, 1 - direction, true),
      destination: expecting.addressOf(ct, 1 - direction, false),
      port: isOwn ? expecting.portOf(ct, 1 - direction, false) : port,
      class: SIGNALLING,
      flags: EXPECT_PERMANENT | EXPECT_INACTIVE,
      assigns: 'sip',
    })
    return added === 'added'
  }

  /** kernel: process_register_response() */
  private registered(message: SipMessage, sequence: number, code: number, direction: number): boolean {
    if (this.registerSequence !== sequence || (code >= 100 && code <= 199)) return true
    if (code >= 200 && code <= 299) {
      const general = message.number(EXPIRES)
      const client = this.expecting.addressOf(this.ct, direction, false)
      let from = message.data.start
      for (let within = false; ; within = true) {
        const contact = message.uri(CONTACT, from, within)
        if (contact === 'bad') return false
        if (contact === 'none') break
        from = contact.end
        if (!isSameAddress(contact.address, client) || !message.isBy(this.transport, contact.end)) continue
        const own = message.parameter('expires=', contact.end)
        if (own === 'bad') return false
        const expires = own === 'none' ? (typeof general === 'string' ? 0 : general.value) : own
        if (expires === 0) break
        if (this.refresh(contact.address, contact.port, expires)) return true
      }
    }
    this.flush(false)
    return true
  }

  /** The registrar keeps a registration for so many seconds. kernel: refresh_signalling_expectation() */
  private refresh(address: readonly number[], port: number, seconds: number): boolean {
    const { context, expectations } = this.expecting
    const found = expectations
      .ofMaster(this.ct)
      .find(
        each =>
          each.class === SIGNALLING &&
          isSameAddress(each.destination, address) &&
          (each.kind & 0xff) === this.protocol &&
          each.port === port,
      )
    if (found === undefined) return false
    expectations.postpone(found, (context.jiffies + seconds * context.table.hz) | 0)
    found.flags &= ~EXPECT_INACTIVE
    return true
  }

  /** Gives up all media, or a registration. kernel: flush_expectations() */
  private flush(media: boolean): void {
    const { expectations } = this.expecting
    for (const each of expectations.ofMaster(this.ct)) {
      if ((each.class !== SIGNALLING) !== media) continue
      expectations.remove(each)
      if (!media) return
    }
  }

  private get transport(): 'TCP' | 'UDP' {
    return this.protocol === IPPROTO_TCP ? 'TCP' : 'UDP'
  }
}

/** Whether a message begins with a method and an address. */
function isRequest(data: Span, method: string): boolean {
  const at = data.start + method.length
  if (!hasWord(data, data.start, method) || at + 1 >= data.end) return false
  return data.bytes[at] === SPACE && isLetter(data.bytes[at + 1])
}
