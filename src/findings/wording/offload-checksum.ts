// The words of offload-checksum.
import { advice, type Wording } from './wording.ts'

export const offloadChecksum: Wording = {
  title: () => 'SYNs were captured before their checksum was finished',
  cause: () =>
    'the sum of the pseudo header alone stands there: hardware, or nobody (veth), adds the rest behind the capture ' +
    'point. Tools that verify checksums call these packets bad; they are not',
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
