// Findings about single flows: in captures of a real kernel, and of what only looks like them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { findingsIn } from '../support/flow-captures.ts'
import { pcapRecords } from '../support/pcap-records.ts'

const FOLDER = 'fixtures/flow-findings'

async function found(...files: string[]): Promise<string[]> {
  return await findingsIn(...files.map(file => join(FOLDER, file)))
}

async function report(file: string, ...args: string[]): Promise<Report> {
  return JSON.parse((await runCli([join(FOLDER, file), '--json', ...args])).stdout)
}

describe('a fault', () => {
  it.each([
    ['dns-race.inside.pcap', 'error dns-race likely'],
    ['idle-gap.inside.pcap', 'error idle-gap likely'],
    ['port-reuse.inside.pcap', 'error port-reuse certain'],
    ['port-reuse.outside.pcap', 'error port-reuse certain'],
    ['recycled-address.pcap', 'error recycled-address certain'],
    ['snat-port-pressure.any.pcap.gz', 'error snat-port-pressure certain'],
    ['entry-older-than-rule.any.pcap', 'error entry-older-than-rule possible'],
    ['entry-older-than-rule.target.any.pcap', 'error entry-older-than-rule likely'],
    ['stale-source-mapping.any.pcap', 'error stale-source-mapping possible'],
    ['reply-other-interface.any.pcap', 'error reply-other-interface likely'],
    ['lan-reflection.any.pcap', 'error lan-reflection likely'],
    ['lost-in-host.any.pcap', 'error lost-in-host likely'],
    ['lost-in-host.interface.any.pcap', 'error lost-in-host likely'],
    ['lost-in-host.answers.any.pcap', 'error lost-in-host likely'],
    ['partial-notrack.any.pcap', 'error lost-in-host likely'],
    ['private-destination-leak.any.pcap', 'error private-destination-leak likely'],
    ['loopback-source.any.pcap', 'error loopback-source certain'],
    ['missing-helper.any.pcap', 'error missing-helper certain'],
    ['foreign-challenge-ack.any.pcap', 'error foreign-challenge-ack certain'],
    ['foreign-challenge-ack.inside.pcap', 'error foreign-challenge-ack certain'],
    ['sack-not-translated.pcap', 'warning sack-not-translated certain'],
    ['tcp-timestamps-nat.pcap', 'error tcp-timestamps-nat likely'],
    ['idle-timeout-inbound.udp.any.pcap', 'warning idle-timeout-inbound likely'],
    ['idle-timeout-inbound.udp.outside.pcap', 'warning idle-timeout-inbound likely'],
    // the client itself refuses what comes past the host: no host that forgot it
    ['udp-answered-past-host.port.pcap', 'error dsr-untranslated-reply certain'],
    // later connections to other ports alone: a rule that rejects what is for port 80 would look so, too
    ['entry-missing.any.pcap', 'error entry-missing possible'],
    ['entry-missing.goes-on.any.pcap', 'error entry-missing likely'],
    // a rule that rejects one direction
    ['rejected.answers.any.pcap', 'error entry-missing possible'],
    ['entry-missing.dnat.any.pcap', 'error entry-missing likely'],
    ['entry-missing.outside.pcap', 'error entry-missing possible'],
    ['stale-mapping.open.any.pcap', 'error stale-mapping likely'],
    ['stale-mapping.any.pcap', 'error stale-mapping certain'],
    ['stale-mapping.syn.pcap', 'error stale-mapping likely'],
    ['stale-mapping.inside.pcap', 'error stale-mapping possible'],
    ['vxlan-ladder.pcap', 'warning vxlan-checksum likely'],
    ['vxlan-ladder.linear.pcap', 'warning vxlan-checksum likely'],
  ])('%s: %s', async (file, expected) => {
    expect(await found(file)).toEqual([expected])
  })

  it('is surer where two points show it: one query left the host, its twin did not', async () => {
    expect(await found('dns-race.inside.pcap', 'dns-race.outside.pcap')).toEqual(['error dns-race certain'])
  })

  it('is found frame by frame, too, unless it takes two points', async () => {
    const { findings } = await report('port-reuse.inside.pcap', '--replay', 'frames')
    expect(findings.map(({ id, severity }) => `${severity} ${id}`)).toContain('error port-reuse')
  })
})

describe('a flow that leaves untranslated', () => {
  it('where an earlier one was masqueraded is none of an older entry', async () => {
    const bytes = readFileSync(join(FOLDER, 'entry-older-than-rule.any.pcap'))
    const { header, records } = pcapRecords(bytes)
    using folder = new Folder()
    // from the first packet on of the ping that is masqueraded
    const path = folder.write('later.pcap', Buffer.concat([header, ...records.slice(18)]))
    expect(await findingsIn(path)).toEqual(['error untranslated-source possible'])
  })
})

describe('what is worth knowing', () => {
  it.each([
    ['snat-plateau.outside.pcap.gz', ['warning snat-port-pressure likely', 'info port-reuse certain']],
    ['one-way-flow.pcap', ['info one-way-flow certain']],
    ['multicast-answer.any.pcap', ['info multicast-answer certain']],
    ['foreign-challenge-ack.cured.inside.pcap', ['info foreign-challenge-ack certain']],
    ['unacknowledged-data.inside.pcap', ['info unacknowledged-data likely']],
    ['unfinished-handshake.inside.pcap', ['info unfinished-handshake likely']],
    ['../findings/dsr-asymmetric.any.pcap', ['info one-way-flow certain']],
    ['../report/port-reused.pcap', ['info port-reuse certain']],
  ])('%s: %s', async (file, expected) => {
    const all = await found(file)
    expect(all.filter(finding => !finding.includes('mid-stream'))).toEqual(expected)
  })
})

describe('SYNs into a tunnel that nobody has answered yet', () => {
  it('are a remark, because the server answers others', async () => {
    using folder = new Folder()
    const whole = readFileSync(join(FOLDER, 'vxlan-ladder.pcap'))
    const cut = folder.write('cut.pcap', whole.subarray(0, recordAfter(whole, 40)))
    expect(await findingsIn(cut)).toEqual(['info vxlan-checksum possible'])
    const early = folder.write('early.pcap', whole.subarray(0, recordAfter(whole, 10)))
    expect(await findingsIn(early)).toEqual([])
  })
})

/** Where the first record of a little-endian pcap stands that is `seconds` later than the first one. */
function recordAfter(pcap: Uint8Array, seconds: number): number {
  const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.byteLength)
  let at = 24
  while (view.getUint32(at, true) < view.getUint32(24, true) + seconds)
    at += 16 + view.getUint32(at + 8, true)
  return at
}

describe('what looks like a fault', () => {
  it.each([
    // the network behind shows one query, then both again
    'dns-race.outside.pcap',
    // RST by the station that was asked, whose program has ended
    'server-restarted.pcap',
    // data that were acknowledged after some repetitions, a SYN-ACK repeated although it was acknowledged
    'acknowledged-late.inside.pcap',
    'deferred-accept.inside.pcap',
    // the same losses, with SACK blocks that fit
    'sack-translated.pcap',
    // a server that answers whatever the timestamp is
    'tcp-timestamps-ignored.pcap',
    // clients that abort; connections that outlive a flush, because what no entry fits is dropped
    'entry-kept.outside.pcap',
    'entry-missing.cured.outside.pcap',
    // a rule that rejects with a RST was put in meanwhile: both directions of what is masqueraded, or of what is not
    'rejected.any.pcap',
    'rejected.routed.any.pcap',
    // datagrams that come in after a pause: their entry is there; the client's own port is closed
    'udp-mapping-kept.outside.pcap',
    'udp-socket-closed.outside.pcap',
    // all ports in use, but nobody else wanted one
    'snat-port-pressure.outside.pcap.gz',
  ])('is none: %s', async file => {
    expect(await found(file)).toEqual([])
  })

  it('is none in a flow that other packets kept alive', async () => {
    const { findings } = await report('idle-gap.inside.pcap')
    const [idle] = findings
    expect(idle.flows.toSorted()).toEqual([
      'tcp 10.20.0.2:46001 -> 198.51.100.7:5432',
      'tcp 10.20.0.2:46002 -> 198.51.100.7:5432',
    ])
  })

  it('is no full table: only connections to a destination without free ports are lost', async () => {
    const { findings } = await report('snat-port-pressure.any.pcap.gz', '--filter', 'port 443')
    const faults = findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id)
    expect(faults).toEqual(['snat-port-pressure'])
  })
})

describe('a finding', () => {
  it('names the flow before and after translation, the frames, the points, and how many', async () => {
    const { findings } = await report('stale-mapping.any.pcap')
    expect(findings[0]).toMatchObject({
      flows: ['udp 10.20.0.2:47001 -> 10.96.0.50:514, translated to 198.51.100.7:8125'],
      occurrences: 1,
      steps: [{ what: expect.stringMatching(/^16 packets in 80 s to 198.51.100.7:8125, none answered/) }],
      tshark: expect.stringContaining('tshark -r'),
    })
    expect(findings[0].points).toHaveLength(2)
  })

  it('tells tries of one flow once', async () => {
    const { findings } = await report('snat-port-pressure.any.pcap.gz')
    expect(findings[0]).toMatchObject({
      occurrences: 20,
      flows: [expect.stringContaining('like tcp 10.20.0.2:')],
    })
  })
})

const lab = process.env.CTPCAP_CORPUS === undefined ? '' : join(process.env.CTPCAP_CORPUS, 'lab')
const hasLab = lab !== '' && existsSync(lab)
if (!hasLab)
  console.warn(
    'flow-findings.test.ts: skipped in part, CTPCAP_CORPUS names no folder with recorded scenarios in `lab`',
  )

/** Remarks that are true of a scenario; of unfinished checksums nearly all are. */
const REMARKS: Record<string, string[]> = {
  'dsr-asymmetric': ['one-way-flow'],
  'dsr-asymmetric-invalid-drop': ['one-way-flow'],
  'port-reuse': ['port-reuse'],
  'port-reuse-server-closes': ['port-reuse'],
  'udp-dns-race': ['dns-race'],
}
const OURS = [
  'dns-race',
  'port-reuse',
  'one-way-flow',
  'idle-gap',
  'stale-mapping',
  'recycled-address',
  'snat-port-pressure',
  'vxlan-checksum',
]

describe.skipIf(!hasLab)('recorded NAT scenarios', () => {
  it('give remarks that are true, and none of these faults', async () => {
    const wrong: string[] = []
    const told = new Set<string>()
    for (const run of readdirSync(lab, { withFileTypes: true })) {
      const folder = join(lab, run.name, 'captures')
      if (!run.isDirectory() || !existsSync(folder)) continue
      for (const file of readdirSync(folder)) {
        for (const finding of await findingsIn(join(folder, file))) {
          const [severity, id] = finding.split(' ')
          if (!OURS.includes(id)) continue
          told.add(`${run.name} ${id}`)
          if (severity !== 'info' || !REMARKS[run.name]?.includes(id))
            wrong.push(`${run.name} ${file}: ${finding}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect([...told].sort()).toEqual(
      Object.entries(REMARKS)
        .map(([run, [id]]) => `${run} ${id}`)
        .sort(),
    )
  })
})
