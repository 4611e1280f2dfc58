// A datagram in pieces at a bridge's port, and whole on the bridge: br_netfilter reassembles it in between.
import { expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ethernet, filler, ipv4, udp } from '../support/frames.ts'

const SIZE = 1600
const datagram = udp({ sourcePort: 4000, destinationPort: 53 }, filler(SIZE))

/** The states of all frames: of two pieces at the port, a second apart, and of what the bridge shows so much later. */
async function states(later: number, identification = 7): Promise<string[]> {
  using folder = new Folder()
  const header = { protocol: 17, identification: 7 }
  const port = new CaptureBuilder()
    .frame(ethernet(ipv4({ ...header, moreFragments: true }, datagram.subarray(0, 800))))
    .wait(1)
    .frame(ethernet(ipv4({ ...header, fragmentOffset: 800 }, datagram.subarray(800))))
  const bridge = new CaptureBuilder()
    .wait(1 + later)
    .frame(ethernet(ipv4({ ...header, identification }, datagram)))
  const paths = [folder.write('port.pcap', port.bytes()), folder.write('bridge.pcap', bridge.bytes())]
  const { stdout } = await runCli(['packets', '--format', 'ndjson', ...paths])
  const lines = stdout.trimEnd().split('\n')
  return lines.map(line => (JSON.parse(line) as { state: string }).state)
}

it('is one packet where the bridge shows it with the time of the last piece', async () => {
  expect(await states(0)).toEqual(['frag', 'new', 'copy'])
})

it('is sent once more where it comes later, or is another one', async () => {
  expect(await states(0.01)).toEqual(['frag', 'new', 'new'])
  expect(await states(0, 8)).toEqual(['frag', 'new', 'new'])
})
