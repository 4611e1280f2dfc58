// One batch of the fuzz loop: mutated captures, one behind the other in time, through one engine; then what must hold of it.
import { CaptureRecord } from '../../src/capture/capture-record.ts'
import { CaptureError } from '../../src/capture/error.ts'
import type { Reader } from '../../src/capture/formats/reader.ts'
import type { CaptureFile, CaptureInterface, Frame, FrameSource } from '../../src/capture/frame.ts'
import { readStored } from '../../src/capture/open/open-reader.ts'
import { InnerReplay } from '../../src/cli/replay/inner-replay.ts'
import { USUAL_ASSIGNMENTS } from '../../src/conntrack/helper-assignment.ts'
import { CURRENT_KERNEL, kernelOf, RELEASES } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { IPS_CONFIRMED, IPS_DYING } from '../../src/conntrack/status.ts'
import { Analysis } from '../../src/findings/analysis.ts'
import { Defragmenter, FRAGMENT_DEFAULTS } from '../../src/packet/defrag/fragments.ts'
import { replay } from '../../src/replay.ts'
import { Points } from '../../src/vantage/record/points.ts'
import { SightingWindow } from '../../src/vantage/window.ts'
import { Random } from '../kernel/generate/random.ts'
import { MemorySource } from '../support/memory-source.ts'
import { type Input, makeInput } from './inputs.ts'
import type { Seeds } from './seeds.ts'

/** Nanoseconds between two captures; and what a capture may last, unless it may last for ever. */
const PAUSE = 1e9
const LONGEST = 3600e9
/** A capture of zeros that came out of a few bytes may have this many frames. */
const MOST_DECOMPRESSED_FRAMES = 1 << 20

export interface BatchResult {
  inputs: number
  /** Inputs refused with a CaptureError. */
  refused: number
  frames: number
}

/** Something that must not be. */
export class Violation extends Error {
  override name = 'Violation'
}

/**
 * Runs `inputs` mutated captures, the same for the same seed. `begin` is told of each before it is read.
 * @throws Violation, or whatever the program threw
 */
export async function runBatch(
  seeds: Seeds,
  seed: number,
  inputs: number,
  begin: (index: number, input: Input) => void,
): Promise<BatchResult> {
  const random = new Random(seed)
  const several = random.chance(0.5)
  const kernel = kernelOf(random.pick(RELEASES), 'option') ?? CURRENT_KERNEL
  const settings = { ...defaultSettings(kernel), nf_conntrack_buckets: 1024 }
  if (random.chance(0.5)) settings.helpers = USUAL_ASSIGNMENTS
  // a small table that fills up, now and then
  if (random.chance(0.25)) settings.nf_conntrack_max = 1 + random.below(300)
  if (random.chance(0.25)) settings.nf_conntrack_checksum = 1
  if (random.chance(0.1)) settings.nf_conntrack_tcp_loose = 0
  const enforces = random.chance(0.5)
  const flows = { top: 5, sort: 'bytes', sink: null } as const
  const source = new BatchSource(seeds, random, inputs, begin)
  const keepsPayload = settings.nf_conntrack_checksum === 1
  const window = several
    ? new SightingWindow(source, { bridgeCalls: { ipv4: null, ipv6: null }, keepsPayload })
    : null
  const points = window?.points ?? new Points(source)
  const analysis = new Analysis({ settings, flows, points, enforceMaximum: enforces })
  const insides: Analysis[] = []
  const witness = new InnerReplay(analysis, FRAGMENT_DEFAULTS, () => {
    const inside = new Analysis({ settings, flows, points: new Points(source) })
    insides.push(inside)
    return { engines: [inside.engine], witness: inside }
  })
  await replay(source, [analysis.engine], new Defragmenter(), witness, window)
  checkVerdicts(analysis, source.frames)
  for (const each of [analysis, ...insides]) {
    checkTable(each)
    each.finish(source.end)
    checkTable(each)
  }
  return { inputs, refused: source.refused, frames: source.frames }
}

/** Every frame counts once: for its packet, or as a copy of one. */
function checkVerdicts({ verdicts, engine }: Analysis, frames: number): void {
  const { total, ...parts } = verdicts.counts()
  equal('frames and verdicts', total, frames)
  equal('verdicts and their sum', total, sum(Object.values(parts)))
  if (engine.table.count > frames) throw new Violation(`${engine.table.count} entries of ${frames} frames`)
}

/** All counts of the table agree. */
function checkTable({ engine, sizing }: Analysis): void {
  const { table } = engine
  const { occupancy } = sizing
  let confirmed = 0
  for (let ct = 0; ct < table.top; ct++) {
    if ((table.status(ct) & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED) confirmed++
  }
  equal('entries of the table', confirmed, occupancy.count)
  equal('live entries', occupancy.live, occupancy.count - table.expiredCount)
  equal('live entries by class', sum(occupancy.classes), occupancy.live)
}

function sum(counts: Iterable<number>): number {
  let total = 0
  for (const count of counts) total += count
  return total
}

function equal(what: string, one: number, other: number): void {
  if (one !== other) throw new Violation(`${what}: ${one} is not ${other}`)
}

/** Frames of one mutated capture after the other. */
class BatchSource implements FrameSource {
  private readonly seeds: Seeds
  private readonly random: Random
  private readonly inputs: number
  private readonly begin: (index: number, input: Input) => void
  readonly captures: CaptureFile[] = []
  readonly interfaces: CaptureInterface[] = []
  readonly epoch = 0n
  frames = 0
  refused = 0
  /** Capture time of the latest frame. */
  end = 0
  private index = 0
  private reader: Reader | null = null
  private input: Input = { bytes: new Uint8Array(0), plain: 0 }
  private firstInterface = 0
  private own = 0
  private fills = 0
  private base = 0
  private endless = false

  constructor(seeds: Seeds, random: Random, inputs: number, begin: (index: number, input: Input) => void) {
    this.seeds = seeds
    this.random = random
    this.inputs = inputs
    this.begin = begin
  }

  next(): Frame | null {
    const frame = this.reader?.next() ?? null
    if (frame === null) return null
    this.own++
    this.frames++
    this.checkFrame(frame)
    frame.time = this.base + (this.endless ? frame.time : frame.time % LONGEST)
    if (frame.time > this.end) this.end = frame.time
    return frame
  }

  async fill(): Promise<boolean> {
    if (this.reader !== null) {
      this.checkSteps()
      if (await this.reader.fill()) return true
      await this.reader.close()
      this.checkRecord(this.reader)
      this.reader = null
    }
    if (this.index === this.inputs) return false
    await this.open()
    return true
  }

  async close(): Promise<void> {}

  private async open(): Promise<void> {
    const { random } = this
    this.input = makeInput(this.seeds, random)
    this.begin(this.index++, this.input)
    const { bytes } = this.input
    this.own = 0
    this.fills = 0
    this.base = this.end + PAUSE
    this.endless = random.chance(1 / 64)
    this.firstInterface = this.interfaces.length
    const file = new CaptureRecord('fuzz')
    const index = this.captures.push(file) - 1
    const piece = random.chance(0.9) ? bytes.length : 1 + random.below(40)
    const chunk = random.pick([64, 512, 4096, 1 << 16])
    const request = { file, index, interfaces: this.interfaces, chunk }
    try {
      const reopen = async () => new MemorySource(bytes, piece)
      this.reader = await readStored(new MemorySource(bytes, piece), reopen, request)
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error
      this.refused++
    }
  }

  private checkFrame(frame: Frame): void {
    const { offset, length, bytes, time } = frame
    if (offset < 0 || length < 0 || offset + length > bytes.length)
      throw new Violation('a frame beyond its buffer')
    if (!Number.isInteger(time)) throw new Violation(`a frame at ${time} ns`)
    if (!(frame.interface in this.interfaces)) throw new Violation(`a frame of interface ${frame.interface}`)
  }

  /** Every frame takes a record header, and every fill takes a byte. */
  private checkSteps(): void {
    this.fills++
    const compressed = this.captures[this.captures.length - 1].compression !== ''
    const bytes = this.input.bytes.length
    if (this.own > (compressed ? MOST_DECOMPRESSED_FRAMES : bytes / 12))
      throw new Violation(`${this.own} frames of ${bytes} bytes`)
    if (!compressed && this.fills > bytes + 2) throw new Violation(`${this.fills} reads of ${bytes} bytes`)
  }

  private checkRecord({ file }: Reader): void {
    equal('frames of a capture', file.frames, this.own)
    const own = this.interfaces.slice(this.firstInterface)
    equal('frames of its interfaces', sum(own.map(point => point.frames)), this.own)
    const { firstTime, lastTime } = file
    if (firstTime !== null && lastTime !== null && firstTime > lastTime)
      throw new Violation('a capture that ends before it begins')
  }
}
