// What the captures say of themselves, in the report's terms.
import type { CaptureFile, CaptureInterface, FrameSource } from '../../capture/frame.ts'
import type { CaptureReport, InterfaceReport } from '../../report/analyze/model.ts'
import { formatTime } from '../../report/text/format.ts'
import { linkTypeName } from '../../report/text/link-type.ts'

/** Describes the captures of a source that was read. */
export function describeCaptures(source: FrameSource): CaptureReport[] {
  return source.captures.map((file, index) => ({
    path: file.path,
    format: file.format,
    compression: file.compression,
    byteOrder: file.byteOrder,
    size: file.size,
    frames: file.frames,
    firstTime: file.firstTime === null ? null : formatTime(file.firstTime),
    lastTime: file.lastTime === null ? null : formatTime(file.lastTime),
    duration: durationOf(file),
    interfaces: source.interfaces.filter(point => point.capture === index).map(describeInterface),
    backwards: file.backwards,
    unstamped: file.unstamped,
    application: file.application,
    comments: file.comments,
    damage: file.damage,
  }))
}

function durationOf({ firstTime, lastTime }: CaptureFile): number {
  return firstTime === null || lastTime === null ? 0 : Number(lastTime - firstTime) / 1e9
}

function describeInterface(point: CaptureInterface): InterfaceReport {
  return {
    name: point.name,
    description: point.description,
    filter: point.filter,
    linkType: point.linkType,
    linkTypeName: linkTypeName(point.linkType),
    snapLength: point.snapLength,
    frames: point.frames,
    dropped: point.dropped,
  }
}

/** Nanoseconds from the first frame of the replay to the latest one. */
export function endOf(source: FrameSource): number {
  let end = 0
  for (const { lastTime, correction } of source.captures) {
    if (lastTime !== null) end = Math.max(end, Number(lastTime - source.epoch) + correction)
  }
  return end
}
