// NAT faults as recorded on a real kernel, from single points of view and from all: what is said of each, and of sound ones.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { pcapRecords } from '../support/pcap-records.ts'
import { watchCaptures } from '../support/watch-captures.ts'

const FOLDER = 'fixtures/findings'

async function found(...files: string[]): Promise<string[]> {
  const findings = await watchCaptures(files.map(file => join(FOLDER, file)))
  return findings.map(finding => `${finding.id} ${finding.confidence}`)
}

describe('a fault', () => {
  const cases: [string, string][] = [
    // one end alone: nothing tells who translated
    ['same-bridge-dnat.veth3a1f09c2.pcap', 'dsr-untranslated-reply certain'],
    ['same-bridge-dnat.vethd94c6e10.pcap', 'dsr-untranslated-reply certain'],
    ['same-bridge-dnat.cni0.pcap', 'asymmetric-same-bridge-return certain'],
    ['same-bridge-dnat.multi.pcapng', 'asymmetric-same-bridge-return certain'],
    ['same-bridge-dnat-udp.veth3a1f09c2.pcap', 'dsr-untranslated-reply certain'],
    ['invalid-leak.veth3a1f09c2.pcap', 'invalid-leak certain'],
    ['invalid-leak.cni0.pcap', 'invalid-leak certain'],
    ['invalid-leak-egress.eth0.pcap', 'invalid-leak-private-source certain'],
    ['dsr-asymmetric-dnat.eth0.pcap', 'dsr-untranslated-reply certain'],
    ['dsr-asymmetric-invalid-drop.any.pcap', 'dsr-invalid-drop certain'],
    ['hairpin.vethd94c6e10.pcap', 'hairpin-no-masquerade certain'],
    ['hairpin-mode-off.any.pcap', 'hairpin-mode-off certain'],
    ['idle-timeout.eth0.pcap', 'idle-timeout-inbound certain'],
    ['idle-timeout-dnat.veth3a1f09c2.pcap', 'idle-timeout-untranslated-reply certain'],
    ['idle-timeout-dnat.eth0.pcap', 'idle-timeout-untranslated-reply certain'],
    ['idle-timeout-remapped.eth0.pcap', 'idle-timeout-remapped certain'],
    ['syn-flood-unanswered.eth0.pcap', 'syn-flood likely'],
  ]
  it.each(cases)('%s: %s', async (file, expected) => {
    expect(await found(file)).toEqual([expected])
  })

  it('that two points show together: a race for one translated port', async () => {
    const points = ['eth0', 'veth3a1f09c2', 'veth77b0e41d'].map(point => `snat-port-race-udp.${point}.pcap`)
    expect(await found(...points)).toEqual(['snat-insert-race certain'])
    expect(await found(points[0])).toEqual([])
    expect(await found(points[1])).toEqual([])
  })

  it('is one finding, however often it was tried and however many points saw it', async () => {
    const [finding] = await watchCaptures([join(FOLDER, 'same-bridge-dnat.multi.pcapng')])
    expect(finding.occurrences).toBe(5)
    expect(finding.flows).toEqual(['tcp 10.244.0.5:40001 -> 10.96.45.12:80, translated to 10.244.0.7:8080'])
    expect(finding.points?.toSorted()).toEqual(['cni0', 'veth3a1f09c2', 'vethd94c6e10'])
    expect(finding.steps?.map(step => step.what)).toEqual([
      'SYN to 10.96.45.12:80',
      'SYN at 10.244.0.7:8080, translated',
      'answer from 10.244.0.7:8080',
      'RST of the client to 10.244.0.7:8080',
    ])
  })
})

describe('what looks like a fault', () => {
  it.each([
    // the bridge alone: whether the packet leaves it is not seen, nor why nobody answers
    'hairpin-mode-off.cni0.pcap',
    // without promiscuous mode the bridge shows requests alone
    'same-bridge-dnat-nopromisc.cni0.pcap',
    // with it the backend's answers, though they are translated on their way
    'same-bridge-dnat-control.cni0.pcap',
    // requests behind the translation, answers in front of it
    'idle-timeout-dnat-control.cni0.pcap',
    'invalid-leak-drop-control.veth3a1f09c2.pcap',
    'dsr-asymmetric.any.pcap',
    'hairpin-control-promisc.vethd94c6e10.pcap',
    'idle-timeout-control.eth0.pcap',
    'idle-timeout-client-first.any.pcap',
    // a sidecar answers in the name of every server
    '../lab/sidecar/any.pcap',
  ])('is none: %s', async file => {
    expect(await found(file)).toEqual([])
  })

  it('is none out of a window that nobody was seen to offer', async () => {
    const { header, records } = pcapRecords(readFileSync(join(FOLDER, 'idle-timeout-dnat.veth3a1f09c2.pcap')))
    using folder = new Folder()
    // without frames 5, 8 and 9 the server sends nothing before the segment that comes untranslated
    const kept = records.filter((_record, index) => ![5, 8, 9].includes(index + 1))
    const path = folder.write('one-sided.pcap', Buffer.concat([header, ...kept]))
    const findings = await watchCaptures([path])
    expect(findings.map(({ id }) => id)).not.toContain('invalid-leak')
  })
})
