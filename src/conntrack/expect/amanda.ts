// What the Amanda helper reads of a client's answer: the ports behind CONNECT (nf_conntrack_amanda.c).
import { findText, readDigits, type Span } from './payload.ts'

const STREAMS = ['DATA ', 'MESG ', 'INDEX ', 'STATE ']
/** Digits of a port that are looked at. */
const MOST_DIGITS = 5

/** The ports that an answer names, in the order in which they are expected. */
export function readPorts(data: Span): number[] {
  const connect = findText(data, data.start, 'CONNECT ')
  if (connect < 0) return []
  const start = connect + 'CONNECT '.length
  const stop = findText(data, start, '\n')
  if (stop < 0) return []
  const ports: number[] = []
  const line = { ...data, end: stop }
  for (const stream of STREAMS) {
    const at = findText(line, start, stream)
    if (at < 0) continue
    const from = at + stream.length
    const port = readDigits({ ...line, end: Math.min(stop, from + MOST_DIGITS) }, from).value & 0xffff
    if (port === 0) break
    ports.push(port)
  }
  return ports
}
