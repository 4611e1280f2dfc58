// One line per packet, after packetdrill's notation: what a shrunk conversation is printed in.
import { DEPTH_QUOTED, flowOf, hex, type IpView, lengthText, viewPacket } from './ip-view.ts'

/** How a packet looks, `>` from the host that sent the first packet, `<` to it, `?` between others. */
export function packetText(packet: Uint8Array, first: Uint8Array): string {
  const view = viewPacket(packet)
  if (view === null) return `? not IP: ${hex(packet.subarray(0, 24))}`
  return `${arrow(view, viewPacket(first))} ${transportText(view, 0)}`
}

function arrow(view: IpView, first: IpView | null): string {
  if (first === null) return '?'
  const [flow, origin] = [flowOf(view), flowOf(first)]
  if (flow.source === origin.source && flow.destination === origin.destination) return '>'
  if (flow.source === origin.destination && flow.destination === origin.source) return '<'
  return `? ${flow.source} -> ${flow.destination}`
}

function transportText(view: IpView, depth: number): string {
  const { protocol, payload } = view
  const fragment = view.fragment === '' ? '' : `${view.fragment} `
  if (view.offset > 0) return `${fragment}(${payload.length})`
  switch (protocol) {
    case 6:
      return fragment + tcpText(payload)
    case 17:
    case 136:
      return `${fragment}${protocol === 17 ? 'udp' : 'udplite'} ${udpText(payload)}`
    case 1:
    case 58:
      return fragment + icmpText(payload, protocol === 1, depth)
    case 132:
      return fragment + sctpText(payload)
    case 47:
      return `${fragment}gre version ${payload[1] & 7} protocol ${hex(payload.subarray(2, 4))} ${hex(payload.subarray(4, 8))}`
    default:
      return `${fragment}protocol ${protocol} ${lengthText(payload.length)}`
  }
}

const FLAGS = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'C']

function tcpText(segment: Uint8Array): string {
  if (segment.length < 20) return `tcp cut after ${segment.length} bytes`
  const at = viewOf(segment)
  const flags = FLAGS.filter((_, bit) => (segment[13] >> bit) & 1).join('') || '-'
  const header = (segment[12] >> 4) * 4
  const length = Math.max(0, segment.length - header)
  const sequence = at.getUint32(4)
  const ack = segment[13] & 0x10 ? ` ack ${at.getUint32(8)}` : ''
  const options = header > 20 ? ` <${optionsText(segment.subarray(20, header))}>` : ''
  const odd = header < 20 || header > segment.length ? ` header ${header} of ${segment.length}` : ''
  const ports = `${at.getUint16(0)}>${at.getUint16(2)}`
  return `${flags} ${sequence}:${(sequence + length) >>> 0}(${length})${ack} win ${at.getUint16(14)}${options}${odd} ${ports}`
}

function optionsText(bytes: Uint8Array): string {
  const words: string[] = []
  for (let i = 0; i < bytes.length && bytes[i] !== 0; ) {
    if (bytes[i] === 1) {
      i++
      continue
    }
    const size = bytes[i + 1]
    if (size === undefined || size < 2 || i + size > bytes.length) {
      words.push(`broken ${hex(bytes.subarray(i))}`)
      break
    }
    words.push(optionText(bytes[i], bytes.subarray(i + 2, i + size)))
    i += size
  }
  return words.join(',') || 'nop'
}

function optionText(kind: number, body: Uint8Array): string {
  if (kind === 2 && body.length === 2) return `mss ${viewOf(body).getUint16(0)}`
  if (kind === 3 && body.length === 1) return `wscale ${body[0]}`
  if (kind === 4 && body.length === 0) return 'sackOK'
  if (kind === 8) return 'TS'
  if (kind !== 5 || body.length % 8 !== 0) return `option ${kind} ${hex(body)}`
  const edges: string[] = []
  for (let i = 0; i < body.length; i += 8)
    edges.push(`${viewOf(body).getUint32(i)}:${viewOf(body).getUint32(i + 4)}`)
  return `sack ${edges.join(' ')}`
}

function udpText(datagram: Uint8Array): string {
  if (datagram.length < 8) return `cut after ${datagram.length} bytes`
  const at = viewOf(datagram)
  return `${at.getUint16(0)}>${at.getUint16(2)} length ${at.getUint16(4)} of ${datagram.length}`
}

function icmpText(message: Uint8Array, v4: boolean, depth: number): string {
  const name = v4 ? 'icmp' : 'icmpv6'
  if (message.length < 8) return `${name} cut after ${message.length} bytes`
  const head = `${name} ${message[0]}/${message[1]} id ${viewOf(message).getUint16(4)}`
  const isError = v4 ? [3, 4, 5, 11, 12].includes(message[0]) : message[0] < 128 || message[0] === 137
  if (!isError || depth > DEPTH_QUOTED) return `${head} ${lengthText(message.length)}`
  const quoted = viewPacket(message.subarray(message[0] === 137 ? 48 : 8))
  if (quoted === null) return `${head} quoting ${hex(message.subarray(8, 32))}`
  const { source, destination } = flowOf(quoted)
  return `${head} quoting ${source} -> ${destination} ${transportText(quoted, depth + 1)}`
}

const CHUNKS: Record<number, string> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT_ACK',
  3: 'SACK',
  4: 'HEARTBEAT',
  5: 'HEARTBEAT_ACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
  8: 'SHUTDOWN_ACK',
  9: 'ERROR',
  10: 'COOKIE_ECHO',
  11: 'COOKIE_ACK',
  14: 'SHUTDOWN_COMPLETE',
}

function sctpText(packet: Uint8Array): string {
  if (packet.length < 12) return `sctp cut after ${packet.length} bytes`
  const at = viewOf(packet)
  const words = [`sctp ${at.getUint16(0)}>${at.getUint16(2)} tag ${hex(packet.subarray(4, 8))}`]
  for (let i = 12; i + 4 <= packet.length; ) {
    const length = at.getUint16(i + 2)
    const tag =
      (packet[i] === 1 || packet[i] === 2) && i + 8 <= packet.length
        ? `(${hex(packet.subarray(i + 4, i + 8))})`
        : ''
    words.push(
      `${CHUNKS[packet[i]] ?? `chunk ${packet[i]}`}${packet[i + 1] & 1 ? '/T' : ''}${tag}[${length}]`,
    )
    if (length === 0) break
    i += (length + 3) & ~3
  }
  return words.join(' ')
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
