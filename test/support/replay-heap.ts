// Replays captures as a command does and prints what each took of the heap; to be run with --expose-gc.

import type { FrameSource } from '../../src/capture/frame.ts'
import { openCaptures } from '../../src/capture/open/open.ts'
import { readSysctls } from '../../src/cli/options/sysctl.ts'
import { windowFor } from '../../src/cli/replay/sightings.ts'
import { fragmentSettings } from '../../src/cli/replay/sysctls.ts'
import type { Table } from '../../src/conntrack/table.ts'
import { Analysis } from '../../src/findings/analysis.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { replay, type Tracker, type Witness } from '../../src/replay.ts'
import { Scenario } from '../../src/sizing/scenarios/scenario.ts'
import { WhatIf } from '../../src/sizing/scenarios/what-if.ts'
import { Points } from '../../src/vantage/record/points.ts'
import type { SightingWindow } from '../../src/vantage/window.ts'

/** `analyze` of a capture, or of two that show each packet twice; `size` with two scenarios. */
export type ReplayKind = 'analyze' | 'sightings' | 'size'

/** Bytes that a replay allocated, those still held at its end, and those of typed arrays among the latter. */
export interface ReplayHeap {
  packets: number
  entries: number
  allocated: number
  held: number
  arrays: number
}

interface Prepared {
  engine: Tracker
  witness: Witness
  window: SightingWindow | null
  table: Table
}

const sysctls = readSysctls([], [])

function prepare(kind: ReplayKind, source: FrameSource): Prepared {
  const { settings } = sysctls
  if (kind === 'size') {
    const short = { ...settings, nf_conntrack_udp_timeout: 10 }
    const [captured, other] = [settings, short].map(
      each => new Scenario({ name: '', settings: each, enforced: false, notrack: null }, { owners: true }),
    )
    return {
      engine: new WhatIf([captured, other]),
      witness: { seen: () => {} },
      window: null,
      table: captured.engine.table,
    }
  }
  const window = kind === 'analyze' ? null : windowFor(source, sysctls, 'auto', { knowledge: null })
  const flows = { top: 5, sort: 'bytes', sink: null } as const
  const analysis = new Analysis({ settings, flows, points: window?.points ?? new Points(source) })
  return { engine: analysis.engine, witness: analysis, window, table: analysis.engine.table }
}

async function replayOnce(kind: ReplayKind, path: string): Promise<ReplayHeap> {
  const source = await openCaptures(kind === 'sightings' ? [path, path] : [path])
  const { engine, witness, window, table } = prepare(kind, source)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await replay(source, [engine], new Defragmenter(fragmentSettings(sysctls)), witness, window)
  const allocated = process.memoryUsage().heapUsed - before
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  await source.close()
  const packets = source.captures[0].frames
  return { packets, entries: table.count, allocated, held: heapUsed, arrays: arrayBuffers }
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  // arrays that one collection finds unused are freed beside it, and counted as free by the next
  globalThis.gc()
  globalThis.gc()
}

const [kind, ...paths] = process.argv.slice(2)
const results: ReplayHeap[] = []
for (const path of paths) results.push(await replayOnce(kind as ReplayKind, path))
console.log(JSON.stringify(results))
