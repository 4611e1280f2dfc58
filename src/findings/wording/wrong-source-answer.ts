// The words of wrong-source-answer.
import type { Facts } from '../facts/facts.ts'
import { REFUSED_STEPS } from './refused-answer.ts'
import { adviceFor, endText, firstFlow, type Place, placeOf, type Wording } from './wording.ts'

export const wrongSourceAnswer: Wording = {
  title: () => 'Server answers from another address than the client asked',
  cause: () =>
    'no NAT: a UDP socket bound to all addresses answers from the one that the route to the client prefers, and the ' +
    'client refuses what it did not ask for',
  fix: facts => [
    adviceFor(
      serverOf(facts),
      'bind the server to the address that is asked, or have it answer from there (IP_PKTINFO; options such as --multihome)',
    ),
  ],
  check: facts => {
    const answerer = firstFlow(facts)?.answerer ?? null
    const port = answerer === null ? '' : ` 'sport = :${answerer.port}'`
    return [
      adviceFor(
        serverOf(facts),
        `on the server: a socket bound to all addresses${answerer === null ? '' : `, which answers as ${endText(answerer)}`}`,
        `ss -lun${port}`,
      ),
    ]
  },
  reasons: {
    'same-station': () =>
      'the station that was asked answers itself (its hardware address, and no router has touched the TTL), from an address that was not asked',
    'same-host': () =>
      'the host that was captured was asked, and answers itself (the answer came in nowhere, and no router has touched the TTL), from an address that was not asked',
  },
  steps: REFUSED_STEPS,
}

function serverOf(facts: Facts): Place {
  return placeOf('server', firstFlow(facts)?.server ?? null)
}
