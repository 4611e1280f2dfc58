// A batch keeps all that is known of a packet, and the bytes that trackers look at, whatever becomes of the original.
import { describe, expect, it } from 'vitest'
import type { Translation } from '../../src/conntrack/nat.ts'
import { Tuple } from '../../src/conntrack/tuple.ts'
import { IPPROTO_ICMP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP } from '../../src/net/numbers.ts'
import { Packet } from '../../src/packet/packet.ts'
import { PacketBatch } from '../../src/sizing/scenarios/packet-batch.ts'

/** Places in bytes: they are others in a batch. */
const PLACES = ['bytes', 'view', 'capturedEnd', 'wireEnd', 'transportOffset']

/** A packet whose every field has a value of its own. */
function fullPacket(): Packet {
  const packet = new Packet()
  let value = 1000
  const fields = packet as unknown as Record<string, unknown>
  for (const name of Object.keys(packet)) {
    if (typeof fields[name] === 'number') fields[name] = value++
    else if (typeof fields[name] === 'boolean') fields[name] = true
  }
  packet.bytes = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff)
  packet.view = new DataView(packet.bytes.buffer)
  packet.family = 4
  packet.protocol = IPPROTO_TCP
  packet.transportOffset = 34
  packet.transportCaptured = 50
  packet.capturedEnd = 84
  packet.wireEnd = 90
  return packet
}

describe('PacketBatch', () => {
  it('has every field of a packet', () => {
    const batch = new PacketBatch()
    expect(batch.add(fullPacket(), null)).toBe(true)
    const kept = batch.packets[0] as unknown as Record<string, unknown>
    const given = fullPacket() as unknown as Record<string, unknown>
    for (const name of Object.keys(given)) {
      if (!PLACES.includes(name)) expect([name, kept[name]]).toEqual([name, given[name]])
    }
  })

  it('has the transport header where the packet says it is', () => {
    const batch = new PacketBatch()
    batch.add(fullPacket(), null)
    const original = fullPacket()
    batch.add(original, null)
    original.bytes.fill(0)
    const { bytes, transportOffset, capturedEnd, wireEnd } = batch.packets[1]
    expect(capturedEnd - transportOffset).toBe(50)
    expect(wireEnd - transportOffset).toBe(56)
    for (let i = 0; i < 50; i++) expect(bytes[transportOffset + i]).toBe(34 + i)
  })

  it.each([IPPROTO_ICMP, IPPROTO_SCTP])('does not take protocol %d, whose trackers read on', protocol => {
    const packet = fullPacket()
    packet.protocol = protocol
    expect(new PacketBatch().add(packet, null)).toBe(false)
  })

  it('keeps what a translation makes of the reply, not the translation', () => {
    let source = 1
    const translation: Translation = {
      apply(reply: Tuple) {
        reply.source = source
        return 48
      },
      isOf: () => false,
    }
    const packet = fullPacket()
    packet.protocol = IPPROTO_UDP
    const batch = new PacketBatch()
    batch.add(packet, translation)
    source = 2
    batch.add(packet, translation)
    const replies = [0, 1].map(i => {
      const reply = new Tuple()
      return { bits: batch.translations[i]?.apply(reply), source: reply.source, ports: reply.ports }
    })
    const ports = (packet.destinationPort << 16) | packet.sourcePort
    expect(replies).toEqual([
      { bits: 48, source: 1, ports },
      { bits: 48, source: 2, ports },
    ])
  })

  it('is full when it is full', () => {
    const batch = new PacketBatch()
    while (!batch.isFull) expect(batch.add(fullPacket(), null)).toBe(true)
    expect(batch.size).toBe(batch.packets.length)
  })
})
