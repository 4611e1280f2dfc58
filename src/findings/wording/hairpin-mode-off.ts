// The words of hairpin-mode-off.
import { shellWord } from '../../net/shell-word.ts'
import { HAIRPIN_STEPS } from './hairpin.ts'
import { advice, type Wording } from './wording.ts'

export const hairpinModeOff: Wording = {
  title: () => 'Client reaches itself through its service, but hairpin mode is off',
  cause: () =>
    'after DNAT in the bridge the frame would have to leave through the port it came in by, which needs hairpin mode',
  fix: ({ values: { port } }) =>
    typeof port === 'string'
      ? [advice('turn hairpin mode on', `ip link set dev ${shellWord(port)} type bridge_slave hairpin on`)]
      : [
          advice(
            "turn hairpin mode on at the client's port of the bridge: ip link set dev PORT type bridge_slave hairpin on",
          ),
        ],
  check: () => [advice('hairpin off at the port of the client', 'bridge -d link show')],
  reasons: {
    'never-back': () =>
      "the client's port of the bridge shows the SYN go in, the bridge shows it translated, and it never comes back out",
    'seen-once': () =>
      'the SYN is seen translated at the bridge and not once more at a port of it, and nobody answers',
    'port-missing': () =>
      "the bridge shows the SYN go from the client to itself; the client's port of it is not in the capture",
  },
  steps: HAIRPIN_STEPS,
}
