// What helpers read of single messages: addresses, offers, calls, and the messages that they leave alone.
import { describe, expect, it } from 'vitest'
import { type CallSide, GreKeys } from '../../src/conntrack/expect/gre-keys.ts'
import { readOffers } from '../../src/conntrack/expect/irc.ts'
import { LONGEST_ADDRESS, readAddress, type Span } from '../../src/conntrack/expect/payload.ts'
import { PptpSession } from '../../src/conntrack/expect/pptp.ts'
import { CONTACT, SipMessage } from '../../src/conntrack/expect/sip-message.ts'
import { DIRECTION_ORIGINAL, DIRECTION_REPLY } from '../../src/conntrack/status.ts'
import { Tuple } from '../../src/conntrack/tuple.ts'
import { sipDialog } from '../../src/vantage/record/sip-dialog.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))
/** A text, and what stands behind it and is none of it. */
const textBefore = (text: string, behind: string): Span => ({
  bytes: bytes(text + behind),
  start: 0,
  end: text.length,
})

describe('an IPv6 address', () => {
  it('ends with the text it stands in', () => {
    expect(readAddress(textBefore('2001:db8::1', '5'), 0, true)).toEqual({
      words: [0x20010db8, 0, 0, 1],
      at: '2001:db8::1'.length,
    })
  })

  it('is none where it is longer than any', () => {
    const zeros = '0'.repeat(LONGEST_ADDRESS)
    expect(readAddress(textBefore(`::${zeros}1`, ''), 0, true)).toBe(null)
  })
})

describe('offers of IRC', () => {
  const chat = '\x01DCC CHAT chat 167772165 40400\x01\n'

  it('come by a PRIVMSG alone, but for kernels that look for them anywhere', () => {
    const offer = [{ address: 0x0a000005, port: 40_400 }]
    const read = (text: string, isStrict: boolean) =>
      readOffers(textBefore(text, ''), isStrict).map(({ address, port }) => ({ address, port }))
    expect(read(`PRIVMSG you :${chat}`, true)).toEqual(offer)
    expect(read(`NOTICE you :${chat}`, true)).toEqual([])
    expect(read(`NOTICE you :${chat}`, false)).toEqual(offer)
  })
})

describe('calls of PPTP', () => {
  /** A control message whose body begins with these 16-bit words. */
  function message(type: number, ...words: number[]): DataView {
    const view = new DataView(new ArrayBuffer(180))
    view.setUint16(2, 1)
    view.setUint32(4, 0x1a2b3c4d)
    view.setUint16(8, type)
    for (const [i, word] of words.entries()) view.setUint16(12 + 2 * i, word)
    return view
  }
  const ACCEPTED = 0x0100

  function asked(): PptpSession {
    const session = new PptpSession()
    session.take(message(1), DIRECTION_ORIGINAL, null)
    session.take(message(2, 0x0100, ACCEPTED), DIRECTION_REPLY, null)
    session.take(message(7, 100), DIRECTION_ORIGINAL, null)
    return session
  }

  it('begin with the answer that names the call that was asked for', () => {
    expect(asked().take(message(8, 200, 100, ACCEPTED), DIRECTION_REPLY, null)).toBe('call')
    expect(asked().take(message(8, 200, 101, ACCEPTED), DIRECTION_REPLY, null)).toBe(null)
  })
})

describe('keys of GRE', () => {
  const side = (source: number, destination: number, sourcePort: number, port: number): CallSide => ({
    kind: 47,
    source: [source],
    destination: [destination],
    sourcePort,
    port,
  })
  const to = (key: number): Tuple =>
    Object.assign(new Tuple(), { kind: 47, source: 1, destination: 2, ports: key })

  it('name the call of the receiver they belong to, and none where no call has such a one', () => {
    const keys = new GreKeys()
    expect(keys.find(to(200))).toBe(0)
    expect(keys.add(1, side(1, 2, 100, 200), side(2, 1, 200, 100))).toBe(true)
    expect(keys.find(to(200))).toBe(100)
    expect(keys.find(to(300))).toBe(0)
    expect(keys.answersTo(to(200))).toBe(100)
    expect(keys.answersTo(to(300))).toBe(null)
    expect(keys.otherSide(to(200))).toMatchObject({ source: 2, destination: 1 })
    expect(keys.otherSide(to(300))).toBe(null)
    keys.remove(1)
    expect(keys.find(to(200))).toBe(0)
  })
})

describe('contacts of a SIP message', () => {
  const contacts = (text: string): (string | number)[] => {
    const message = new SipMessage(textBefore(text, ''), false, true)
    const found: (string | number)[] = []
    for (let uri = message.uri(CONTACT); ; uri = message.uri(CONTACT, uri.end, true)) {
      found.push(typeof uri === 'string' ? uri : uri.port)
      if (typeof uri === 'string') return found
    }
  }

  it('are read one after another, in a list and in further headers', () => {
    const start = 'REGISTER sip:10.9.0.7 SIP/2.0\r\n'
    const list = '<sip:u@10.0.0.5:5071>, <sip:u@10.0.0.5:5072>;expires=60,<sip:u@10.0.0.5:5073>'
    expect(contacts(`${start}Contact: ${list}\r\nm: <sip:u@10.0.0.5:5074>\r\n\r\n`)).toEqual([
      5071,
      5072,
      5073,
      5074,
      'none',
    ])
  })
})

describe('what a helper leaves alone of a SIP message', () => {
  const dialog = (text: string): number => sipDialog(bytes(text), 0, text.length)
  const invite = (headers: string): string => `INVITE sip:7 SIP/2.0\r\n${headers}\r\n\r\n`

  it('is its call and its number, in whatever case, and no other header', () => {
    const one = dialog(invite('Call-ID: a1\r\nCSeq: 1 INVITE'))
    expect(one).not.toBe(0)
    expect(dialog(invite('Call-ID: a1\r\nCSeq: 2 INVITE'))).not.toBe(one)
    expect(dialog(invite('Via: x\r\nCall-ID: a1\r\nMax-Fwd: 9\r\nCSeq: 1 INVITE'))).toBe(one)
    // as long as the names that are looked for
    expect(dialog(invite('Subject: a1\r\nDate: 1 INVITE'))).toBe(0)
    expect(dialog(invite('call-id: a1'))).toBe(0)
  })
})
