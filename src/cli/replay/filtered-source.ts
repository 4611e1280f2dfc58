// `--filter EXPR`: the frames of a source that an expression in tcpdump's language selects.
import type { Frame, FrameSource } from '../../capture/frame.ts'
import { FramesOf } from '../../capture/frames-of.ts'
import { Filter } from '../../filter/filter.ts'
import { FilterError } from '../../filter/syntax.ts'
import type { FilterReport } from '../../report/analyze/model.ts'
import { UsageError } from '../io/usage-error.ts'

export const FILTER_HELP =
  "replay only the frames that `tcpdump -r FILE EXPR` shows: 'tcp port 443 and net 10.0.0.0/8'; ports do not match later fragments, addresses and ports behind a VLAN tag only behind the word vlan"

/** The filter of `--filter`, or null without one and for an empty one, which selects everything. @throws UsageError */
export function filterOf({ filter }: { filter?: string }): Filter | null {
  if (filter === undefined || filter.trim() === '') return null
  try {
    return new Filter(filter)
  } catch (error) {
    throw filterFault('--filter', filter, error)
  }
}

/** Characters of a filter that an error shows, up to what is wrong with it and from there on. */
const SHOWN_BEFORE = 120
const SHOWN_BEHIND = 60
/** Of a reason, which quotes a word that may be as long as the filter. */
const LONGEST_REASON = 300

/** Fields and operators of Wireshark's display filters, which tcpdump's language does not have. */
const DISPLAY_FILTER =
  /\b(?:ip|ipv6|tcp|udp|icmp|eth|frame|dns|http|tls|arp|sctp|vlan)\.[a-z_]|\b(?:eq|ne|contains|matches)\b/

/** What to tell of an error that a filter of `option` raised. */
export function filterFault(option: string, filter: string, error: unknown): unknown {
  if (!(error instanceof FilterError)) return error
  const from = Math.max(error.column - SHOWN_BEFORE, 0)
  const to = Math.min(error.column + SHOWN_BEHIND, filter.length)
  const shown = `${from > 0 ? '…' : ''}${filter.slice(from, to)}${to < filter.length ? '…' : ''}`
  const reason =
    error.message.length > LONGEST_REASON ? `${error.message.slice(0, LONGEST_REASON)}…` : error.message
  const hint = DISPLAY_FILTER.test(filter)
    ? "; that is Wireshark's display filter syntax, expected tcpdump's (pcap-filter): 'host 10.0.0.1 and tcp port 80'"
    : ''
  return new UsageError(`${option} ${shown}: ${reason}${hint}`)
}

export class FilteredSource extends FramesOf {
  private readonly filter: Filter
  private selected = 0
  private passedOver = 0

  constructor(source: FrameSource, filter: Filter) {
    super(source)
    this.filter = filter
  }

  /** What the filter let through so far. */
  get report(): FilterReport {
    return { expression: this.filter.text, selected: this.selected, passedOver: this.passedOver }
  }

  next(): Frame | null {
    for (let frame = this.source.next(); frame !== null; frame = this.source.next()) {
      if (this.filter.matchesFrame(frame)) {
        this.selected++
        return frame
      }
      this.passedOver++
    }
    return null
  }
}
