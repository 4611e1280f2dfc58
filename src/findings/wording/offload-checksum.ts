// The words of offload-checksum.
import { advice, type Wording } from './wording.ts'

export const offloadChecksum: Wording = {
  title: () => 'Checksum offload: unfinished TCP checksums, harmless',
  cause: () =>
    'the kernel left the checksum to the network card, which finishes it behind the capture point (a veth never ' +
    'does). Tools that verify checksums call these packets bad; they are not',
  fix: () => [
    advice('none needed; to capture finished ones turn tx checksumming off at the device (ethtool -K)'),
  ],
  check: () => [],
  reasons: {
    pseudo: () =>
      'the checksum is the sum of the pseudo header, as the kernel leaves it to whoever sends the packet',
  },
  steps: { syn: () => 'SYN with an unfinished checksum' },
}
