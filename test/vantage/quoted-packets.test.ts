// ICMP errors about packets that the point has shown otherwise: what conntrack has of them nobody can tell.
import { expect, it } from 'vitest'
import { MET, ONE_SIDED } from '../../src/vantage/record/sighting.ts'
import { be32, ethernet, filler, frameOf, icmp, ipv4, join, tcp, udp } from '../support/frames.ts'
import { runWindow, windowOf } from '../support/sighted.ts'

const CLIENT = '10.0.0.5'
const SERVICE = '10.9.0.1'
const BACKEND = '10.1.0.7'
let identification = 0

const query = (destination: string, sourcePort = 4000) =>
  ipv4({ source: CLIENT, destination, protocol: 17, identification: ++identification }, udp({ sourcePort }))

const error = (destination: string, sourcePort = 4000) => {
  const quoted = query(destination, sourcePort)
  return ipv4(
    { source: BACKEND, destination: CLIENT, protocol: 1, identification: ++identification },
    icmp(3, 3, join(be32(0), quoted)),
  )
}

/** What is said of the last of some packets. */
function meetingOf(...packets: Uint8Array[]): number | undefined {
  const frames = packets.map((packet, index) =>
    frameOf(ethernet(packet), { number: index + 1, time: index * 1000 }),
  )
  return runWindow(frames, windowOf()).at(-1)?.meeting
}

it('are so where the sender was seen sending to one other destination alone', () => {
  expect(meetingOf(query(SERVICE), error(BACKEND))).toBe(ONE_SIDED)
  expect(meetingOf(query(SERVICE), query(SERVICE), error(BACKEND))).toBe(ONE_SIDED)
})

it('are not where it was seen sending what is quoted, or to several, or nothing', () => {
  expect(meetingOf(query(BACKEND), error(BACKEND))).toBe(MET)
  expect(meetingOf(query(SERVICE), query('10.9.0.2'), error(BACKEND))).toBe(MET)
  expect(meetingOf(query(SERVICE, 4001), error(BACKEND))).toBe(MET)
})

it('are told by SYNs of TCP, which begin a connection, and by no other segment', () => {
  const segment = (flags: number, destination: string) =>
    ipv4(
      { source: CLIENT, destination, protocol: 6, identification: ++identification },
      tcp({ sourcePort: 4000, flags }, filler(4)),
    )
  const about = ipv4(
    { source: BACKEND, destination: CLIENT, protocol: 1, identification: ++identification },
    icmp(3, 3, join(be32(0), segment(2, BACKEND))),
  )
  expect(meetingOf(segment(2, SERVICE), about)).toBe(ONE_SIDED)
  expect(meetingOf(segment(16, SERVICE), about)).toBe(MET)
})
