// Datagrams in fragments, IPv4 (RFC 791) and IPv6 (RFC 8200): shuffled, doubled, overlapping, unfinished, atomic, misfitting.
import type { Conversation, Direction } from './conversation.ts'
import { ICMP, ICMPV6, icmpMessage } from './icmp.ts'
import { concat, ipPacket, put16, put32 } from './ip.ts'
import type { Random } from './random.ts'
import { NO_OPTIONS } from './tcp-options.ts'
import { ACK, encodeSegment, SYN } from './tcp-segment.ts'
import { TCP } from './tcp-talk.ts'
import { datagram, UDP } from './udp.ts'

interface Datagram {
  direction: Direction
  protocol: number
  payload: Uint8Array
  id: number
  /** ECN code points that its pieces may bear. */
  ecn: readonly number[]
}

interface Piece {
  of: Datagram
  offset: number
  bytes: Uint8Array
  more: boolean
}

/** Makes up a flow whose larger packets come in pieces. */
export function talkFragments(conversation: Conversation): void {
  const { random } = conversation
  const make = transports(conversation)
  const makeOther = transports(conversation)
  for (let left = random.between(1, 5); left > 0; left--) {
    const one = pieces(conversation, make())
    const id = random.chance(0.3) ? one[0].of.id : undefined
    const two = random.chance(0.3) ? pieces(conversation, random.pick([make, makeOther])(id)) : []
    const all = random.chance(0.5) ? [...one, ...two] : interleave(random, one, two)
    for (const piece of all) {
      sendPiece(conversation, piece)
      if (random.chance(0.03)) conversation.pause()
      if (random.chance(0.02)) sendPiece(conversation, random.pick(all))
      if (conversation.family === 4 && random.chance(0.008)) crowd(conversation, make)
    }
    // all of it once more, under the same id
    if (random.chance(0.4)) for (const piece of whole(conversation, one[0].of)) sendPiece(conversation, piece)
    if (random.chance(0.2)) sendWhole(conversation, make())
    if (random.chance(0.1)) conversation.pause()
  }
}

function transports(conversation: Conversation): (id?: number) => Datagram {
  const { random, family } = conversation
  const ports = [conversation.port(), conversation.port()]
  const protocol = random.pick([UDP, UDP, TCP, family === 4 ? ICMP : ICMPV6, 50])
  let first = true
  return (id = family === 4 ? conversation.nextIdentification() : random.word()) => {
    const direction: Direction = !first && random.chance(0.5) ? 1 : 0
    const length = random.between(30, 400)
    // a mixture that no router can have made is thrown away
    const ecn = random.pick([[0], [0], [0], [1, 2, 3], [0, 3]])
    const of = { direction, protocol, id, ecn }
    const pair = [ports[direction], ports[1 - direction]] as const
    if (protocol === UDP) {
      const payload = datagram(pair[0], pair[1], length)
      conversation.sealChecksum(direction, UDP, payload, 6)
      return { ...of, payload }
    }
    if (protocol === TCP) {
      const flags = first ? SYN : ACK
      const payload = encodeSegment(pair, {
        flags,
        sequence: 0,
        acknowledgment: 0,
        window: 5000,
        length,
        options: NO_OPTIONS,
      })
      first = false
      conversation.sealChecksum(direction, TCP, payload, 16)
      return { ...of, payload }
    }
    first = false
    if (protocol === 50) return { ...of, payload: random.bytes(length) }
    const type = protocol === ICMP ? [8, 0] : [128, 129]
    return {
      ...of,
      payload: icmpMessage(
        conversation,
        direction,
        { type: type[direction], id: ports[0] },
        random.bytes(length),
      ),
    }
  }
}

/** The pieces of a datagram in the order they will be sent, with what goes wrong with them. */
function pieces(conversation: Conversation, of: Datagram): Piece[] {
  const { random } = conversation
  if (conversation.family === 6 && random.chance(0.1))
    return [{ of, offset: 0, bytes: of.payload, more: false }]
  const list = whole(conversation, of)
  if (random.chance(0.3)) spoil(random, list)
  const order = random.below(4)
  if (order === 1) list.reverse()
  if (order === 2) random.shuffle(list)
  return list
}

/** A datagram in pieces, in order, nothing wrong with them. */
function whole({ random }: Conversation, of: Datagram): Piece[] {
  const list: Piece[] = []
  for (let at = 0; at < of.payload.length; ) {
    // a first piece of one unit is shorter than most transport headers
    const units = at === 0 && random.chance(0.15) ? random.between(1, 2) : random.between(2, 20)
    const end = Math.min(of.payload.length, at + units * 8)
    list.push({ of, offset: at, bytes: of.payload.subarray(at, end), more: end < of.payload.length })
    at = end
  }
  return list
}

function spoil(random: Random, list: Piece[]): void {
  const piece = random.pick(list)
  const { payload } = piece.of
  switch (random.below(10)) {
    case 0:
      list.splice(random.below(list.length + 1), 0, piece)
      break
    case 1:
      // overlaps the next one by a unit
      piece.bytes = payload.subarray(
        piece.offset,
        Math.min(payload.length, piece.offset + piece.bytes.length + 8),
      )
      break
    case 2:
      // overlaps the one before
      if (piece.offset === 0) break
      piece.bytes = concat(payload.subarray(piece.offset - 8, piece.offset), piece.bytes)
      piece.offset -= 8
      break
    case 3:
      list.splice(list.indexOf(piece), 1)
      if (list.length === 0) list.push(piece)
      break
    case 4:
      piece.bytes = piece.bytes.subarray(0, Math.max(0, piece.bytes.length - random.between(1, 9)))
      break
    case 5:
      piece.more = !piece.more
      break
    case 6: {
      // two pieces that came, once more as one
      const end = Math.min(payload.length & ~7, piece.offset + piece.bytes.length + 64)
      list.splice(-1, 0, { ...piece, bytes: payload.subarray(piece.offset, end), more: true })
      break
    }
    case 7:
      // behind the end, while a piece is still missing
      list.splice(1, 1)
      list.push({ ...piece, offset: (payload.length + 15) & ~7, more: true })
      break
    case 8:
      // a second end behind the first, or somewhere before it
      list.splice(1, 1)
      list.push({
        ...piece,
        offset: random.chance(0.5) ? (payload.length + 15) & ~7 : piece.offset + 8,
        more: false,
      })
      break
    default:
      // wholly inside what came, or will come
      list.push({
        ...piece,
        offset: piece.offset + 8,
        bytes: piece.bytes.subarray(8, random.between(8, 24)),
        more: true,
      })
  }
}

function interleave(random: Random, one: Piece[], two: Piece[]): Piece[] {
  const all: Piece[] = []
  let [i, j] = [0, 0]
  while (i < one.length || j < two.length)
    all.push(j === two.length || (i < one.length && random.chance(0.5)) ? one[i++] : two[j++])
  return all
}

/** So many other unfinished datagrams that the kernel gives up on the ones before (ipfrag_max_dist, 64). */
function crowd(conversation: Conversation, make: () => Datagram): void {
  for (let i = conversation.random.between(62, 65); i > 0; i--) {
    const of = { ...make(), direction: 0 as const }
    sendPiece(conversation, { of, offset: 0, bytes: of.payload.subarray(0, 24), more: true })
  }
}

function sendPiece(conversation: Conversation, piece: Piece): void {
  const { random, hosts, family } = conversation
  const { direction, protocol, id } = piece.of
  const fields = {
    source: hosts[direction],
    destination: hosts[1 - direction],
    protocol,
    tos: random.pick(piece.of.ecn),
  }
  if (family === 4) {
    const fragment = (piece.offset >>> 3) | (piece.more ? 0x2000 : 0) | (random.chance(0.02) ? 0x4000 : 0)
    const options = random.chance(0.03) ? { extra: new Uint8Array(4).fill(1) } : {}
    const packet = ipPacket({ ...fields, identification: id & 0xffff, fragment, ...options }, piece.bytes)
    conversation.sendPacket(packet)
    return
  }
  const header = new Uint8Array(8)
  header[0] = protocol
  put16(header, 2, piece.offset | (piece.more ? 1 : 0))
  put32(header, 4, id)
  const before = random.chance(0.05) ? destinationOptions(random.pick([8, 16, 264])) : new Uint8Array(0)
  const extra = concat(before, header)
  conversation.sendPacket(
    ipPacket({ ...fields, extra, extraProtocol: before.length > 0 ? 60 : 44 }, piece.bytes),
  )
}

function sendWhole(conversation: Conversation, of: Datagram): void {
  conversation.send(of.direction, of.protocol, of.payload)
}

/**
 * Options before a fragment header, then as few more: behind 256 bytes of extension headers the kernel forgets where the
 * next header was named.
 */
function destinationOptions(length: number): Uint8Array {
  const first = new Uint8Array(length)
  first.set([60, length / 8 - 1, 1, Math.min(255, length - 4)])
  return concat(first, Uint8Array.of(44, 0, 1, 4, 0, 0, 0, 0))
}
