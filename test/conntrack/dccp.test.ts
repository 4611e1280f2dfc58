// A handshake of DCCP under kernels that track it: ASSURED by the acknowledgment of the Response alone, all 48 bits of it.
import { expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { type Kernel, kernelOf } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { IPS_ASSURED } from '../../src/conntrack/status.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { type Bytes, be16, be32, frameOf, ipv4, join } from '../support/frames.ts'

const REQUEST = 0
const RESPONSE = 1
const ACK = 3
const quiet = () => {}

/** A packet with numbers of 48 bits; a Response and an Ack acknowledge one, a Request and a Response name a service. */
function dccp(type: number, ports: [number, number], sequence: bigint, acknowledged: bigint): Bytes {
  const high = (number: bigint) => be16(Number(number >> 32n))
  const low = (number: bigint) => be32(Number(number & 0xffffffffn) | 0)
  const rest = [
    ...(type === REQUEST ? [] : [...be16(0), ...high(acknowledged), ...low(acknowledged)]),
    ...(type === ACK ? [] : be32(42)),
  ]
  const length = (16 + rest.length) / 4
  return join(
    be16(ports[0]),
    be16(ports[1]),
    [length, 0, 0, 0, (type << 1) | 1, 0],
    high(sequence),
    low(sequence),
    rest,
  )
}

/** Whether a connection is ASSURED whose client acknowledges a number, behind so many other connections. */
function isAssured(acknowledged: bigint, others: number): boolean {
  const settings = { ...defaultSettings(kernelOf('6.12.113', 'option') as Kernel), nf_conntrack_checksum: 0 }
  const observer = { created: quiet, updated: quiet, reclassified: quiet, expired: quiet, destroyed: quiet }
  const engine = new Engine(settings, observer)
  const packet = new Packet()
  const send = (from: string, to: string, bytes: Bytes): void => {
    decode(frameOf(ipv4({ source: from, destination: to, protocol: 33 }, bytes), { linkType: 101 }), packet)
    engine.track(packet)
  }
  const [client, server] = ['10.0.0.1', '10.0.0.2']
  const ports = (index: number): [number, number] => [5000 + index, 80]
  for (let i = 0; i <= others; i++) send(client, server, dccp(REQUEST, ports(i), 7n, 0n))
  send(server, client, dccp(RESPONSE, [80, 5000 + others], 0x1234_5678_9abcn, 7n))
  send(client, server, dccp(ACK, ports(others), 8n, acknowledged))
  expect(engine.ct).toBe(others)
  return (engine.table.status(others) & IPS_ASSURED) !== 0
}

it.each([0, 1, 40])('behind %i others', others => {
  expect(isAssured(0x1234_5678_9abcn, others)).toBe(true)
  expect(isAssured(0x1234_5678_9abdn, others)).toBe(false)
  expect(isAssured(0x1235_5678_9abcn, others)).toBe(false)
})
