// A finished flow in the report's units, for the list of the largest, and as a line of NDJSON or CSV.
import type { Flow } from '../../sizing/flow.ts'
import { formatTime } from '../text/format.ts'
import type { FlowReport } from './model.ts'

/** Turns nanoseconds since the first frame into seconds and times of day. */
export class FlowReporter {
  private readonly epoch: bigint

  /** @param epoch nanoseconds since 1970 of the first frame of the replay */
  constructor(epoch: bigint | null) {
    this.epoch = epoch ?? 0n
  }

  report(flow: Flow): FlowReport {
    return {
      protocol: flow.protocol,
      protocolNumber: flow.protocolNumber,
      state: flow.state,
      status: flow.status,
      orig: flow.orig,
      reply: flow.reply,
      firstFrame: flow.firstFrame,
      startTime: formatTime(this.epoch + BigInt(flow.start)),
      start: flow.start / 1e9,
      duration: (flow.last - flow.start) / 1e9,
      entrySeconds: (flow.end - flow.start) / 1e9,
      ended: flow.ended,
    }
  }
}

/** Columns of the CSV form, in their order. */
export const CSV_HEADER = [
  'protocol,protocol_number,state,status',
  'orig_src,orig_dst,orig_sport,orig_dport,orig_type,orig_code,orig_id,orig_srckey,orig_dstkey,orig_packets,orig_bytes',
  'reply_src,reply_dst,reply_sport,reply_dport,reply_type,reply_code,reply_id,reply_srckey,reply_dstkey,reply_packets,reply_bytes',
  'first_frame,start_time,start,duration,entry_seconds,ended,orig_zone,reply_zone',
].join(',')

/** A flow as a line of CSV, without the line's end; no field needs quoting. */
export function csvLine(flow: FlowReport): string {
  return [
    flow.protocol,
    flow.protocolNumber,
    flow.state,
    flow.status.join(' '),
    ...directionFields(flow.orig),
    ...directionFields(flow.reply),
    flow.firstFrame,
    flow.startTime,
    flow.start,
    flow.duration,
    flow.entrySeconds,
    flow.ended,
    flow.orig.zone,
    flow.reply.zone,
  ].join(',')
}

function directionFields(direction: FlowReport['orig']): (string | number | undefined)[] {
  const { src, dst, sport, dport, type, code, id, srckey, dstkey, packets, bytes } = direction
  return [src, dst, sport, dport, type, code, id, srckey, dstkey, packets, bytes]
}
