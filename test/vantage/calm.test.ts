// When a capture of one point is calm: how long it has to be quiet, which copies end it, which segments are looked at.
import { describe, expect, it } from 'vitest'
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import { Packet } from '../../src/packet/packet.ts'
import { Calm } from '../../src/vantage/calm.ts'
import { Fingerprint } from '../../src/vantage/record/fingerprint.ts'

/** A calm, and packets for it: each number is a packet of its own, and shows it again. */
function bench() {
  const print = new Fingerprint()
  const intake = { print, place: 1 }
  const calm = new Calm(intake as never, 50e6)
  const packet = Object.assign(new Packet(), { family: 4 })
  const read = (number: number, place: number): Packet => {
    Object.assign(print, { first: number, second: number | 1, identified: true, weak: false })
    intake.place = place
    packet.time = number
    return packet
  }
  return {
    calm,
    passes: (number: number, place = 1) => calm.passes(read(number, place)),
    isCopy: (number: number, place = 2) => calm.isCopy(read(number, place)),
  }
}

const segment = (sequence: number, more: Partial<Packet> = {}): Packet =>
  Object.assign(new Packet(), { protocol: 6, hasTuple: true, tcpFlags: TCP_ACK, sequence, ...more })

describe('the calm', () => {
  it('is due after 1,024 quiet frames, and after 65,536 once a copy was seen', () => {
    const { calm } = bench()
    const quietFrames = () => {
      let frames = 0
      for (; !calm.isDue; frames++) calm.goOn()
      return frames
    }
    expect(quietFrames()).toBe(1024)
    calm.disturb()
    expect(quietFrames()).toBe(65_536)
    calm.begin()
    calm.end()
    expect(quietFrames()).toBe(65_536)
  })

  it('ends with the ninth copy among 4,096 frames', () => {
    const { calm, passes, isCopy } = bench()
    calm.begin()
    for (let number = 0; number < 8; number++) {
      expect(passes(number)).toBe(true)
      expect(passes(number, 2)).toBe(false)
      expect(isCopy(number)).toBe(true)
    }
    expect(calm.isCalm).toBe(true)
    expect(passes(9)).toBe(true)
    expect(isCopy(9)).toBe(true)
    expect(calm.isCalm).toBe(false)
  })

  it('counts copies anew after 4,096 frames', () => {
    const { calm, passes, isCopy } = bench()
    calm.begin()
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 4096; number++) expect(passes(round * 5000 + number)).toBe(true)
      for (let copy = 0; copy < 8; copy++) expect(isCopy(round * 5000 + 4095 - copy)).toBe(true)
      expect(calm.isCalm).toBe(true)
    }
    // those of the last round count still
    expect(isCopy(14_095)).toBe(true)
    expect(calm.isCalm).toBe(false)
  })

  it('is remembered for 511 frames after its end', () => {
    for (const [between, remembered] of [
      [510, true],
      [511, false],
    ] as const) {
      const { calm, passes, isCopy } = bench()
      calm.begin()
      passes(1)
      calm.end()
      for (let other = 0; other < between; other++) expect(isCopy(1_000_000 + other)).toBe(false)
      expect(isCopy(1)).toBe(remembered)
    }
  })
})

describe('segments in the calm', () => {
  it('are all looked at for 8,192 frames, from its start and from a copy on', () => {
    const { calm, passes, isCopy } = bench()
    const segments = Array.from({ length: 64 }, (_, sequence) => segment(sequence))
    const spared = (): boolean => segments.some(one => calm.spares(one))
    calm.begin()
    for (let number = 0; number < 8191; number++) passes(number)
    expect(spared()).toBe(false)
    passes(8191)
    expect(spared()).toBe(true)
    expect(isCopy(8191)).toBe(true)
    expect(spared()).toBe(false)
  })

  it('are then looked at one in sixteen, by sequence and acknowledgment; SYN, RST and other packets always', () => {
    const { calm, passes } = bench()
    calm.begin()
    for (let number = 0; number < 8192; number++) passes(number)
    const numbers = Array.from({ length: 16_000 }, (_, index) => index * 1448)
    for (const seen of ['sequence', 'acknowledgment'] as const) {
      const looked = numbers.filter(number => !calm.spares(segment(5, { [seen]: number })))
      expect(looked.length).toBeGreaterThan(800)
      expect(looked.length).toBeLessThan(1200)
    }
    const always: Partial<Packet>[] = [
      { tcpFlags: TCP_SYN },
      { tcpFlags: TCP_SYN | TCP_ACK },
      { tcpFlags: TCP_RST },
      { protocol: 17 },
      { hasTuple: false },
    ]
    for (const more of always)
      expect(numbers.filter(number => calm.spares(segment(number, more)))).toEqual([])
  })
})
