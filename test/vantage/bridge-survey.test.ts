// What frames tell of a host's bridges, of one point and of several.
import { expect, it } from 'vitest'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { BridgeSurvey } from '../../src/vantage/survey/bridge-survey.ts'
import { frameSeen, type Sighting } from '../support/sighted.ts'

const TUPLE = '10.0.0.5:4000>10.0.0.7:8080'

function bridgingOf(sightings: Sighting[], interfaces: number) {
  const source = {
    captures: [{ path: 'c.pcap' }],
    interfaces: Array.from({ length: interfaces }, () => ({ capture: 0, name: '' })),
  }
  const survey = new BridgeSurvey(source as never, { ipv4: null, ipv6: null })
  const packet = new Packet()
  for (const [i, sighting] of sightings.entries()) {
    const frame = frameSeen(sighting, i + 1)
    if (decode(frame, packet)) survey.take(frame, packet)
  }
  survey.finish()
  return survey.bridging
}

it('a frame that changes ports unchanged is switched; nothing tells whether conntrack meets it', () => {
  const { switched, ipv4 } = bridgingOf(
    [
      { at: 0, tuple: TUPLE, capture: 0 },
      { at: 5, tuple: TUPLE, capture: 1 },
    ],
    2,
  )
  expect([switched, ipv4]).toEqual([1, { value: 1, origin: 'assumed' }])
})

it('a frame whose destination changes on its way through is translated in the bridge', () => {
  const { switched, ipv4 } = bridgingOf(
    [
      { at: 0, on: 4, type: 3, mac: 5, tuple: '10.0.0.5:4000>10.9.0.1:80' },
      { at: 5, on: 2, type: 0, mac: 5, tuple: TUPLE },
      { at: 9, on: 3, type: 4, mac: 5, tuple: TUPLE },
    ],
    1,
  )
  expect([switched, ipv4]).toEqual([1, { value: 1, origin: 'concluded' }])
})

it('one interface sees nothing being switched', () => {
  const { switched, ipv4 } = bridgingOf(
    [
      { at: 0, tuple: TUPLE },
      { at: 5, tuple: TUPLE },
    ],
    1,
  )
  expect([switched, ipv4]).toEqual([0, { value: 1, origin: 'assumed' }])
})
