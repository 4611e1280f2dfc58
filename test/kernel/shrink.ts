// Cuts a capture on which kernel and model disagree down to the shortest conversation that still makes them disagree.
import { parseArgs } from 'node:util'
import { type CapturedFrame, type CaptureRecords, readCapture } from './capture-file.ts'
import { compareRecordings, type Disagreement, disagreementText, verdictText } from './compare.ts'
import { flowOf, packetOf, viewPacket } from './ip-view.ts'
import { runModel } from './model.ts'
import { packetText } from './notation.ts'
import { type Profile, profileNamed } from './profile.ts'
import { recordTo, withCapture } from './record.ts'
import { type Recording, readRecording } from './recording.ts'

/** Recordings at once: they mostly sleep. */
const PARALLEL = 6

/** What both made of frames, and where they differ. */
export interface Trial {
  kernel: Recording
  model: Recording
  disagreements: Disagreement[]
}

/** Records frames and runs the model over them. */
export async function tryFrames(frames: CaptureRecords, profile: Profile): Promise<Trial> {
  return withCapture(frames, async (capture, directory) => {
    await recordTo(capture, directory, profile.sysctls)
    const kernel = readRecording(directory)
    const model = await runModel(capture, profile.sysctls, kernel.end)
    return { kernel, model, disagreements: compareRecordings(kernel, model) }
  })
}

/**
 * The shortest capture found that still disagrees.
 * @param frame the number of the frame that they disagree on; 0 for the final table
 * @returns null when the conversation of that frame alone does not disagree
 */
export async function shrink(
  capture: CaptureRecords,
  frame: number,
  profile: Profile,
): Promise<{ frames: CaptureRecords; trial: Trial } | null> {
  const conversation = frame > 0 ? conversationOf(capture, frame) : capture.frames
  const disagrees = async (frames: CapturedFrame[]): Promise<Trial | null> => {
    const trial = await tryFrames({ ...capture, frames: fromZero(frames) }, profile)
    return trial.disagreements.length > 0 ? trial : null
  }
  let trial = await disagrees(conversation)
  if (trial === null) return null
  let frames = conversation
  const last = trial.disagreements[0].frame
  if (last > 0 && last < frames.length) {
    const shorter = await disagrees(frames.slice(0, last))
    if (shorter !== null) [frames, trial] = [frames.slice(0, last), shorter]
  }
  for (let chunk = Math.ceil(frames.length / 2); chunk >= 1; ) {
    const found = await dropOne(frames, chunk, disagrees)
    if (found !== null) [frames, trial] = found
    else chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)
  }
  return { frames: { ...capture, frames: fromZero(frames) }, trial }
}

/** Tries to leave out each run of `chunk` frames; the first success wins. */
async function dropOne(
  frames: CapturedFrame[],
  chunk: number,
  disagrees: (frames: CapturedFrame[]) => Promise<Trial | null>,
): Promise<[CapturedFrame[], Trial] | null> {
  const candidates: CapturedFrame[][] = []
  for (let at = 0; at < frames.length; at += chunk) {
    const rest = [...frames.slice(0, at), ...frames.slice(at + chunk)]
    if (rest.length > 0) candidates.push(rest)
  }
  for (let i = 0; i < candidates.length; i += PARALLEL) {
    const batch = candidates.slice(i, i + PARALLEL)
    const trials = await Promise.all(batch.map(disagrees))
    for (const [k, trial] of trials.entries()) if (trial !== null) return [batch[k], trial]
  }
  return null
}

/** All frames that share a host with the given one, or with one that does. */
function conversationOf(capture: CaptureRecords, frame: number): CapturedFrame[] {
  const hostsOf = capture.frames.map(({ bytes }) => {
    const view = viewPacket(packetOf(bytes, capture.linkType))
    return view === null ? [] : Object.values(flowOf(view))
  })
  const hosts = new Set(hostsOf[frame - 1])
  for (const pair of hostsOf) if (pair.some(host => hosts.has(host))) for (const host of pair) hosts.add(host)
  return capture.frames.filter((_, i) => hostsOf[i].some(host => hosts.has(host)))
}

function fromZero(frames: readonly CapturedFrame[]): CapturedFrame[] {
  return frames.map(({ time, bytes }) => ({ time: time - frames[0].time, bytes }))
}

/** The conversation, one packet a line, with what the kernel said, and the model where it said otherwise. */
export function conversationText(capture: CaptureRecords, trial: Trial): string {
  const packets = capture.frames.map(({ bytes }) => packetOf(bytes, capture.linkType))
  const lines = packets.map((packet, i) => {
    const time = `+${(capture.frames[i].time / 1e9).toFixed(4)}`
    const kernel = verdictText(trial.kernel.verdicts[i])
    const model = trial.model.verdicts[i] === undefined ? 'nothing' : verdictText(trial.model.verdicts[i])
    const both = kernel === model ? `// ${kernel}` : `// kernel ${kernel}\n                // model  ${model}`
    return `${time} ${packetText(packet, packets[0])}\n                ${both}`
  })
  return [...lines, ...trial.disagreements.map(disagreementText)].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    options: { profile: { type: 'string', default: 'default' }, frame: { type: 'string' } },
    allowPositionals: true,
  })
  if (positionals.length !== 1 || values.frame === undefined)
    throw new Error('shrink.ts [--profile NAME] --frame N CAPTURE')
  const capture = readCapture(positionals[0])
  const shrunk = await shrink(capture, Number(values.frame), profileNamed(values.profile))
  console.log(
    shrunk === null
      ? 'the conversation alone does not disagree'
      : conversationText(shrunk.frames, shrunk.trial),
  )
}
