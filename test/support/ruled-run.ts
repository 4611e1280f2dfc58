// Replays what a host captured through its rules, and holds fates, counters and new entries against what its kernel did.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCaptures } from '../../src/capture/open/open.ts'
import { ruledEngine } from '../../src/cli/commands/line-replay.ts'
import { readSysctls } from '../../src/cli/options/sysctl.ts'
import { bridgeCallsOf } from '../../src/cli/replay/sightings.ts'
import type { ReplayedRules } from '../../src/host/walk/replayed-rules.ts'
import { placeOf } from '../../src/host/walk/rule-numbers.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { FRAME_TRACKED, replay } from '../../src/replay.ts'
import type { Sightings } from '../../src/vantage/record/sighting.ts'
import { SightingWindow } from '../../src/vantage/window.ts'
import { describe as describeEntry, parseEvents } from './conntrack-text.ts'
import { knowledgeFrom } from './knowledge.ts'

/** A packet as the model had it. */
export interface ModelledPacket {
  frame: number
  fate: string
  state: string
  /** The place of what decided, `policy` for a policy. */
  rule: string
}

/** What a run through rules came to. */
export interface RuledRun {
  packets: ModelledPacket[]
  rules: ReplayedRules
  /** Keys of new entries, in their order. */
  created: string[]
  expectedCreated: string[]
}

/** A row of a table with a header. */
export type Row = Record<string, string>

export function readTable(path: string): Row[] {
  const [header = '', ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n')
  const names = header.split('\t')
  return lines.map(line => {
    const cells = line.split('\t')
    return Object.fromEntries(names.map((name, i) => [name, cells[i] ?? '']))
  })
}

/**
 * Replays `capture` of `folder`, which has topology.txt, sysctl.txt and events.txt.
 * @param rules paths of rules
 */
export async function replayRuled(folder: string, capture: string, rules: string[]): Promise<RuledRun> {
  const knowledge = knowledgeFrom(rules, [join(folder, 'topology.txt')])
  const path = join(folder, 'sysctl.txt')
  const sysctls = readSysctls([{ path, text: readFileSync(path, 'utf8') }], [])
  const created: string[] = []
  const source = await openCaptures([join(folder, capture)])
  const window = new SightingWindow(source, {
    bridgeCalls: bridgeCallsOf(sysctls.host),
    keepsPayload: knowledge.rules?.ruleset.helpers.length !== 0,
  })
  const observer = {
    created: (ct: number) => created.push(describeEntry(engine.table, ct).key),
    updated: () => {},
    reclassified: () => {},
    expired: () => {},
    destroyed: () => {},
  }
  const options = { sysctls, knowledge, table: null, tunnels: 'outer' } as const
  const { engine, rules: replayed } = ruledEngine(options, observer, source, window)
  if (replayed === null) throw new Error(`no rules in ${rules.join()}`)
  const packets: ModelledPacket[] = []
  const witness = {
    seen({ frame }: Packet, outcome: number, _sightings: Sightings | null): void {
      if (outcome !== FRAME_TRACKED) return
      const { fate, state, decided, numbers } = replayed
      packets.push({ frame, fate, state, rule: placeOf(numbers, decided)?.place ?? '-' })
    },
  }
  await replay(source, [engine], new Defragmenter(), witness, window)
  await source.close()
  const expected = parseEvents(readFileSync(join(folder, 'events.txt'), 'utf8'))
  return {
    packets,
    rules: replayed,
    created,
    expectedCreated: expected.filter(({ event }) => event === 'NEW').map(({ key }) => withoutZoneAndId(key)),
  }
}

/** A key without what the model does not tell: zones, and the kernel's number of the entry behind that of ICMP. */
function withoutZoneAndId(key: string): string {
  const bare = key.replace(/ (zone|zone-\w+)=\d+/g, '')
  return /^icmp/.test(bare) ? bare.replace(/( id=\d+) id=\d+$/, '$1') : bare.replace(/ id=\d+$/, '')
}

/** Files of rules in a folder: text where there is some, else what nft printed as JSON. */
export function rulesIn(folder: string): string[] {
  const texts = ['rules.txt', 'rules-ip6.txt']
    .map(name => join(folder, name))
    .filter(path => existsSync(path))
  return texts.length > 0 ? texts : [join(folder, 'nft.json')]
}
