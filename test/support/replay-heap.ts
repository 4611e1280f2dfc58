// Replays captures as `ctpcap analyze` does and prints what each took of the heap; to be run with --expose-gc.

import { openCaptures } from '../../src/capture/open.ts'
import { Analysis } from '../../src/cli/analysis.ts'
import { fragmentSettings, readSysctls } from '../../src/cli/sysctl.ts'
import { Defragmenter } from '../../src/packet/fragments.ts'
import { replay } from '../../src/replay.ts'
import { Points } from '../../src/vantage/points.ts'

/** Bytes that a replay allocated, those still held at its end, and those of typed arrays among the latter. */
export interface ReplayHeap {
  packets: number
  entries: number
  allocated: number
  held: number
  arrays: number
}

async function replayOnce(path: string): Promise<ReplayHeap> {
  const sysctls = readSysctls([], [])
  const source = await openCaptures([path])
  const flows = { top: 5, sort: 'bytes', sink: null } as const
  const analysis = new Analysis({ settings: sysctls.settings, flows, points: new Points(source) })
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await replay(source, [analysis.engine], new Defragmenter(fragmentSettings(sysctls)), analysis)
  const allocated = process.memoryUsage().heapUsed - before
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  await source.close()
  const packets = source.captures[0].frames
  return { packets, entries: analysis.engine.table.count, allocated, held: heapUsed, arrays: arrayBuffers }
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  // arrays that one collection finds unused are freed beside it, and counted as free by the next
  globalThis.gc()
  globalThis.gc()
}

const results: ReplayHeap[] = []
for (const path of process.argv.slice(2)) results.push(await replayOnce(path))
console.log(JSON.stringify(results))
