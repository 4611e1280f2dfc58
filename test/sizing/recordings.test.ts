// nf_conntrack_count as the model has it, and what a full table refuses, against recordings of a real kernel.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCaptures } from '../../src/capture/open/open.ts'
import type { Engine } from '../../src/conntrack/engine.ts'
import type { GarbageCollector } from '../../src/conntrack/gc.ts'
import { DEFAULT_HZ as HZ } from '../../src/conntrack/kernel.ts'
import { defaultSettings, type Settings } from '../../src/conntrack/settings.ts'
import { TCP_ACK, TCP_SYN } from '../../src/net/numbers.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { replay } from '../../src/replay.ts'
import { Sampler } from '../../src/sizing/sampler.ts'
import { Scenario } from '../../src/sizing/scenarios/scenario.ts'

/** What a recording says of itself; see `count.tsv` for what nf_conntrack_count showed, sampled some times a second. */
interface Truth {
  params: { veth_client: string; eth: string }
  table?: { nf_conntrack_max: number; filler_entries: number }
}

interface Recording {
  name: string
  folder: string
  truth: Truth
}

const corpus = process.env.CTPCAP_CORPUS
const recordings = corpus === undefined ? [] : findRecordings(corpus)
if (recordings.length === 0) {
  console.warn(
    'recordings.test.ts: skipped, CTPCAP_CORPUS names no folder with recordings (count.tsv, truth.json)',
  )
}

function findRecordings(corpus: string): Recording[] {
  return readdirSync(corpus, { recursive: true, withFileTypes: true })
    .filter(entry => entry.name === 'count.tsv')
    .map(({ parentPath }) => ({
      name: parentPath.slice(parentPath.lastIndexOf('/') + 1),
      folder: parentPath,
      truth: JSON.parse(readFileSync(join(parentPath, 'truth.json'), 'utf8')) as Truth,
    }))
    .filter(recording => captureOf(recording) !== null)
}

/** A capture that shows every connection, once: the client's interface, or else the node's. */
function captureOf({ folder, truth: { params } }: Recording): string | null {
  const paths = [params.veth_client, params.eth].map(name => join(folder, 'captures', `${name}.pcap`))
  return paths.find(path => existsSync(path)) ?? null
}

/** Where there is a table that others have filled, the maximum that was in force. */
function settingsOf({ truth: { table } }: Recording): Settings {
  if (table === undefined) return defaultSettings()
  return {
    ...defaultSettings(),
    nf_conntrack_max: table.nf_conntrack_max,
    nf_conntrack_count: table.filler_entries,
  }
}

/** Packets that a rule of the recording leaves untracked: those to and from a port. */
function notrackOf({ folder }: Recording): ((packet: Packet) => boolean) | null {
  const rules = readFileSync(join(folder, 'rules.txt'), 'utf8')
  const port = Number(/--dport (\d+) .*(?:--notrack|NOTRACK)/.exec(rules)?.[1] ?? 0)
  if (port === 0) return null
  return ({ sourcePort, destinationPort }) => sourcePort === port || destinationPort === port
}

interface Sample {
  /** Nanoseconds since the first frame. */
  time: number
  recorded: number
  modelled: number
}

/**
 * Replays the recording's capture, and reads the model's count whenever the kernel's was read.
 * @param collected nanoseconds after the first frame at which the kernel's collector came, null for nobody knows
 */
async function replayed(
  recording: Recording,
  collected: number | null = null,
): Promise<{ scenario: Scenario; samples: Sample[] }> {
  const settings = settingsOf(recording)
  const enforced = recording.truth.table !== undefined
  const scenario = new Scenario(
    { name: '', settings, enforced, notrack: notrackOf(recording) },
    { owners: false },
  )
  if (collected !== null) setPhase(scenario.engine, collected)
  const { occupancy } = scenario.sizing
  const counts: number[] = []
  // a hundred times a second: the recording knows its times to the millisecond
  const interval = 10e6
  occupancy.sampler = new Sampler(interval, () => counts.push(occupancy.count))
  const source = await openCaptures([captureOf(recording) as string])
  await replay(source, [scenario.engine], new Defragmenter(FRAGMENT_DEFAULTS), { seen: () => {} })
  const epoch = Number(source.epoch / 1000n) / 1e6
  await source.close()
  scenario.finish(scenario.engine.context.time)
  const rows = readFileSync(join(recording.folder, 'count.tsv'), 'utf8').trim().split('\n').slice(1)
  const samples = rows.map(row => {
    const [at, count] = row.split('\t').map(Number)
    const time = (at - epoch) * 1e9
    const modelled = counts[Math.min(Math.max(Math.floor(time / interval), 0), counts.length - 1)]
    return { time, recorded: count - settings.nf_conntrack_count, modelled }
  })
  return { scenario, samples: samples.filter(({ time }) => time >= 0) }
}

/**
 * Lets one run of the collector fall on `collected`: there is one worker for all namespaces of a machine, it has been
 * running since the boot, and each of its pauses is told by all entries that it met. Its phase is in no capture.
 */
function setPhase(engine: Engine, collected: number): void {
  const collector: GarbageCollector = Reflect.get(engine, 'gc')
  // a full table has it at its longest pause; it plans from the start of one scan to the next, in jiffies
  const cycle = 60 * HZ - 1
  collector.nextRun = Math.ceil((collected / 1e9) * HZ) % cycle
}

/** Whether the collector is at work between a sample and the one before, here or there: no connection ends by itself. */
function isStep(samples: readonly Sample[], i: number): boolean {
  if (i === 0) return false
  const { recorded, modelled } = samples[i - 1]
  return samples[i].recorded < recorded || samples[i].modelled < modelled
}

/** SYNs of a capture by sequence number, which no NAT changes. */
async function synsOf(
  path: string,
): Promise<{ frame: number; time: number; port: number; sequence: number }[]> {
  const source = await openCaptures([path])
  const syns: { frame: number; time: number; port: number; sequence: number }[] = []
  await replay(source, [], new Defragmenter(FRAGMENT_DEFAULTS), {
    seen({ protocol, tcpFlags, frame, time, sourcePort, sequence }) {
      if (protocol !== 6 || (tcpFlags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return
      syns.push({ frame, time: time + Number(source.epoch), port: sourcePort, sequence })
    },
  })
  await source.close()
  return syns
}

/** SYNs that came in and did not go out again: the node refused them. */
async function refusedSyns({
  folder,
  truth: { params },
}: Recording): Promise<{ frame: number; port: number }[]> {
  const before = await synsOf(join(folder, 'captures', `${params.veth_client}.pcap`))
  const after = await synsOf(join(folder, 'captures', `${params.eth}.pcap`))
  return before.filter(
    syn => !after.some(({ sequence, time }) => sequence === syn.sequence && Math.abs(time - syn.time) < 50e6),
  )
}

describe.skipIf(recordings.length === 0)('recordings of a real kernel', () => {
  it.each(recordings)('$name: the count is within 2 % or 5 entries', async recording => {
    const before = await replayed(recording)
    const first = before.samples.findIndex(
      ({ recorded }, i) => i > 0 && recorded < before.samples[i - 1].recorded,
    )
    // when the collector came is nothing that a capture shows: that much is taken from the recording, and no more
    const { samples } = first < 0 ? before : await replayed(recording, before.samples[first - 1].time)
    const compared = samples.filter((_, i) => !isStep(samples, i))
    expect(compared.length).toBeGreaterThan(Math.max(20, samples.length - 10))
    const wrong = compared.filter(
      ({ recorded, modelled }) => Math.abs(modelled - recorded) > Math.max(5, recorded * 0.02),
    )
    expect(wrong).toEqual([])
  })

  it.each(recordings.filter(({ truth }) => truth.table !== undefined))(
    '$name: the first refusal and the refused connections',
    async recording => {
      const { refusals } = (await replayed(recording)).scenario.sizing
      const syns = await refusedSyns(recording)
      const connections = new Set(syns.map(({ port }) => port)).size
      expect(connections).toBeGreaterThan(50)
      expect(refusals?.firstFrame).toBe(syns[0].frame)
      expect(Math.abs((refusals?.connections ?? 0) - connections)).toBeLessThanOrEqual(connections * 0.05)
    },
  )
})
