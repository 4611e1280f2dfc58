// The states of an SCTP association, by their names: as conntrack -L shows them after each chunk.
import { expect, it } from 'vitest'
import { Engine } from '../../src/conntrack/engine.ts'
import { SCTP_STATE_NAMES } from '../../src/conntrack/proto/sctp-table.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { decode } from '../../src/packet/encapsulation/decode.ts'
import { Packet } from '../../src/packet/packet.ts'
import { be16, be32, filler, frameOf, ipv4, join } from '../support/frames.ts'

const INIT = 1
const INIT_ACK = 2
const SHUTDOWN = 7
const SHUTDOWN_ACK = 8
const COOKIE_ECHO = 10
const COOKIE_ACK = 11
const SHUTDOWN_COMPLETE = 14
const quiet = () => {}
const CLIENT_TAG = 0x1111
const SERVER_TAG = 0x2222

/** Names of the states of an association as it goes through chunks, the client's true. */
function statesOf(chunks: [isClient: boolean, type: number][]): (string | undefined)[] {
  const settings = { ...defaultSettings(), nf_conntrack_checksum: 0 }
  const observer = { created: quiet, updated: quiet, reclassified: quiet, expired: quiet, destroyed: quiet }
  const engine = new Engine(settings, observer)
  const packet = new Packet()
  return chunks.map(([isClient, type]) => {
    const own = isClient ? CLIENT_TAG : SERVER_TAG
    const tag = type === INIT ? 0 : isClient ? SERVER_TAG : CLIENT_TAG
    const value = type === INIT || type === INIT_ACK ? join(be32(own), filler(12)) : filler(4)
    const bytes = join(
      be16(isClient ? 5000 : 80),
      be16(isClient ? 80 : 5000),
      be32(tag),
      be32(0),
      [type, 0],
      be16(4 + value.length),
      value,
    )
    const [source, destination] = isClient ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.2', '10.0.0.1']
    decode(frameOf(ipv4({ source, destination, protocol: 132 }, bytes), { linkType: 101 }), packet)
    engine.track(packet)
    return SCTP_STATE_NAMES[engine.table.state(engine.ct)]
  })
}

it('are those of its handshake and of its end', () => {
  expect(
    statesOf([
      [true, INIT],
      [false, INIT_ACK],
      [true, COOKIE_ECHO],
      [false, COOKIE_ACK],
      [false, SHUTDOWN],
      [true, SHUTDOWN_ACK],
      [false, SHUTDOWN_COMPLETE],
    ]),
  ).toEqual([
    'CLOSED',
    'COOKIE_WAIT',
    'COOKIE_ECHOED',
    'ESTABLISHED',
    'SHUTDOWN_RECD',
    'SHUTDOWN_ACK_SENT',
    'CLOSED',
  ])
})
