// An entry that a RST kills is gone, however long the capture goes on without another packet (nf_ct_kill_acct()).
import { expect, test } from 'vitest'
import { TCP_ACK, TCP_RST, TCP_SYN } from '../../src/net/numbers.ts'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

function refusedConnection(capture: CaptureBuilder, sourcePort: number): CaptureBuilder {
  return capture.tcp({ sourcePort, destinationPort: 80, flags: TCP_SYN }).tcp({
    source: '10.0.0.2',
    destination: '10.0.0.1',
    sourcePort: 80,
    destinationPort: sourcePort,
    flags: TCP_RST | TCP_ACK,
    acknowledgment: 1,
  })
}

test('its timeout does not end it a second time', async () => {
  using folder = new Folder()
  const capture = new CaptureBuilder()
  // the same tuple again and again: the slot of the dead entry is used at once
  for (let round = 0; round < 5; round++) refusedConnection(capture, 40_000).wait(500)
  const path = folder.write('refused.pcap', capture.udp().bytes())
  const { stdout } = await runCli(['analyze', '--json', path])
  const { table, flows } = JSON.parse(stdout)
  expect(flows.total).toBe(6)
  expect(table.peak.entries).toBe(1)
  expect(table.end).toBe(1)
})
