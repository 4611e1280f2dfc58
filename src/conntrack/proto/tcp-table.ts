// The TCP transition grid, laid out to be read against tcp_conntracks[2][6][10] in nf_conntrack_proto_tcp.c.
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../net/numbers.ts'

export const TCP_NONE = 0
export const TCP_SYN_SENT = 1
export const TCP_SYN_RECV = 2
export const TCP_ESTABLISHED = 3
export const TCP_FIN_WAIT = 4
export const TCP_CLOSE_WAIT = 5
export const TCP_LAST_ACK = 6
export const TCP_TIME_WAIT = 7
export const TCP_CLOSE = 8
export const TCP_SYN_SENT2 = 9
/** Answers of the grid that are no state: the packet is invalid, or passes without moving anything. */
export const TCP_INVALID = 10
export const TCP_IGNORE = 11

export const TCP_STATE_NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const

/** Rows of the grid: which of RST, SYN, FIN, ACK rules the segment. Numbers as the kernel logs them (`index %d`). */
export const INDEX_SYN = 0
export const INDEX_SYNACK = 1
export const INDEX_FIN = 2
export const INDEX_ACK = 3
export const INDEX_RST = 4
export const INDEX_NONE = 5

const sSS = TCP_SYN_SENT
const sSR = TCP_SYN_RECV
const sES = TCP_ESTABLISHED
const sFW = TCP_FIN_WAIT
const sCW = TCP_CLOSE_WAIT
const sLA = TCP_LAST_ACK
const sTW = TCP_TIME_WAIT
const sCL = TCP_CLOSE
const sS2 = TCP_SYN_SENT2
const sIV = TCP_INVALID
const sIG = TCP_IGNORE

const STATES = 10
const ROWS = 6

// biome-ignore format: the columns are the point
const GRID = Uint8Array.of(
  // original
  //         sNO, sSS, sSR, sES, sFW, sCW, sLA, sTW, sCL, sS2
  /* syn */    sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2,
  /* synack */ sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR,
  /* fin */    sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV,
  /* ack */    sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV,
  /* rst */    sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL,
  /* none */   sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV,
  // reply
  //         sNO, sSS, sSR, sES, sFW, sCW, sLA, sTW, sCL, sS2
  /* syn */    sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2,
  /* synack */ sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR,
  /* fin */    sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV,
  /* ack */    sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG,
  /* rst */    sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL,
  /* none */   sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV,
)

/** The state that a segment of row `index` from `direction` leads to, or TCP_INVALID or TCP_IGNORE. */
export function nextState(direction: number, index: number, state: number): number {
  return GRID[(direction * ROWS + index) * STATES + state]
}

/** Row of the grid for a segment's flags. kernel: get_conntrack_index() */
export function segmentIndex(flags: number): number {
  if ((flags & TCP_RST) !== 0) return INDEX_RST
  if ((flags & TCP_SYN) !== 0) return (flags & TCP_ACK) !== 0 ? INDEX_SYNACK : INDEX_SYN
  if ((flags & TCP_FIN) !== 0) return INDEX_FIN
  return (flags & TCP_ACK) !== 0 ? INDEX_ACK : INDEX_NONE
}

/** Flag combinations that exist; PSH, ECE and CWR may join any. kernel: tcp_valid_flags */
const VALID_FLAGS = new Uint8Array(64)
for (const flags of [0x02, 0x22, 0x12, 0x04, 0x14, 0x11, 0x31, 0x10, 0x30]) VALID_FLAGS[flags] = 1

/** Whether a segment's flags make sense together. */
export function validFlags(flags: number): boolean {
  return VALID_FLAGS[flags & 0x37] === 1
}
