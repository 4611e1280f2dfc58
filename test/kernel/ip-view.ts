// A look at an IP packet for people and for the shrinker: addresses, fragment, transport; nothing is checked.

/** Quotes within quotes are not followed. */
export const DEPTH_QUOTED = 0

export interface IpView {
  version: 4 | 6
  source: Uint8Array
  destination: Uint8Array
  protocol: number
  /** Fragment offset in bytes. */
  offset: number
  /** The fragment as text, '' for a whole packet. */
  fragment: string
  payload: Uint8Array
}

/** The IP packet within an Ethernet frame (1) or a raw one (101); null where there is none. */
export function packetOf(frame: Uint8Array, linkType: number): Uint8Array {
  if (linkType !== 1) return frame
  const tagged = frame[12] === 0x81 && frame[13] === 0
  return frame.subarray(tagged ? 18 : 14)
}

export function viewPacket(packet: Uint8Array): IpView | null {
  const version = packet[0] >> 4
  if (version === 4 && packet.length >= 20) return viewIpv4(packet)
  if (version === 6 && packet.length >= 40) return viewIpv6(packet)
  return null
}

function viewIpv4(packet: Uint8Array): IpView {
  const field = (packet[6] << 8) | packet[7]
  const offset = (field & 0x1fff) * 8
  const id = (packet[4] << 8) | packet[5]
  return {
    version: 4,
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    protocol: packet[9],
    offset,
    fragment: (field & 0x3fff) === 0 ? '' : `fragment ${id} at ${offset}${field & 0x2000 ? '+' : ''}`,
    payload: packet.subarray((packet[0] & 15) * 4, Math.max(20, (packet[2] << 8) | packet[3])),
  }
}

function viewIpv6(packet: Uint8Array): IpView {
  let [protocol, at, offset, fragment] = [packet[6], 40, 0, '']
  while ([0, 43, 44, 51, 60].includes(protocol) && at + 8 <= packet.length) {
    const kind = protocol
    protocol = packet[at]
    if (kind === 44) {
      const field = (packet[at + 2] << 8) | packet[at + 3]
      offset = field & 0xfff8
      fragment = `fragment ${hex(packet.subarray(at + 4, at + 8))} at ${offset}${field & 1 ? '+' : ''}`
      at += 8
    } else at += kind === 51 ? (packet[at + 1] + 2) * 4 : (packet[at + 1] + 1) * 8
    if (offset > 0) break
  }
  const end = 40 + ((packet[4] << 8) | packet[5])
  const [source, destination] = [packet.subarray(8, 24), packet.subarray(24, 40)]
  return {
    version: 6,
    source,
    destination,
    protocol,
    offset,
    fragment,
    payload: packet.subarray(at, Math.max(at, end)),
  }
}

/** The addresses as text. */
export function flowOf({ version, source, destination }: IpView): { source: string; destination: string } {
  const text = (bytes: Uint8Array): string =>
    version === 4 ? bytes.join('.') : hex(bytes).replace(/(.{4})(?=.)/g, '$1:')
  return { source: text(source), destination: text(destination) }
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function lengthText(length: number): string {
  return `(${length})`
}
