// The SCTP transition grids, laid out to be read against sctp_conntracks[2][11] in nf_conntrack_proto_sctp.c.

export const SCTP_NONE = 0
export const SCTP_CLOSED = 1
export const SCTP_COOKIE_WAIT = 2
export const SCTP_COOKIE_ECHOED = 3
export const SCTP_ESTABLISHED = 4
export const SCTP_SHUTDOWN_SENT = 5
export const SCTP_SHUTDOWN_RECD = 6
export const SCTP_SHUTDOWN_ACK_SENT = 7
export const SCTP_HEARTBEAT_SENT = 8
/** Of kernels before the tags of all chunks were checked (kernel.ts: sctpTags); later ones take it for ESTABLISHED. */
const SCTP_HEARTBEAT_ACKED = 9
/** An answer of the grid that is no state. */
export const SCTP_INVALID = 10

export const SCTP_STATE_NAMES = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
  'HEARTBEAT_ACKED',
] as const

/** Chunk types (RFC 9260, 3.2). */
export const CHUNK_DATA = 0
export const CHUNK_INIT = 1
export const CHUNK_INIT_ACK = 2
export const CHUNK_HEARTBEAT = 4
export const CHUNK_HEARTBEAT_ACK = 5
export const CHUNK_ABORT = 6
export const CHUNK_SHUTDOWN = 7
export const CHUNK_SHUTDOWN_ACK = 8
export const CHUNK_ERROR = 9
export const CHUNK_COOKIE_ECHO = 10
export const CHUNK_COOKIE_ACK = 11
export const CHUNK_SHUTDOWN_COMPLETE = 14

const sCL = SCTP_CLOSED
const sCW = SCTP_COOKIE_WAIT
const sCE = SCTP_COOKIE_ECHOED
const sES = SCTP_ESTABLISHED
const sSS = SCTP_SHUTDOWN_SENT
const sSR = SCTP_SHUTDOWN_RECD
const sSA = SCTP_SHUTDOWN_ACK_SENT
const sHS = SCTP_HEARTBEAT_SENT
const sHA = SCTP_HEARTBEAT_ACKED
const sIV = SCTP_INVALID

const STATES = 10
const ROWS = 11

/** Row of the grid for a chunk type, 255 for chunks that move no state. */
const ROW = new Uint8Array(256).fill(255)
const ROW_ORDER = [
  CHUNK_INIT,
  CHUNK_INIT_ACK,
  CHUNK_ABORT,
  CHUNK_SHUTDOWN,
  CHUNK_SHUTDOWN_ACK,
  CHUNK_ERROR,
  CHUNK_COOKIE_ECHO,
  CHUNK_COOKIE_ACK,
  CHUNK_SHUTDOWN_COMPLETE,
  CHUNK_HEARTBEAT,
  CHUNK_HEARTBEAT_ACK,
]
ROW_ORDER.forEach((chunk, row) => {
  ROW[chunk] = row
})

// biome-ignore format: the columns are the point
const GRID = Uint8Array.of(
  // original
  //                  sNO, sCL, sCW, sCE, sES, sSS, sSR, sSA, sHS, sHA
  /* init */          sCL, sCL, sCW, sCE, sES, sCL, sCL, sSA, sCW, sHA,
  /* init_ack */      sCL, sCL, sCW, sCE, sES, sSS, sSR, sSA, sCL, sHA,
  /* abort */         sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL,
  /* shutdown */      sCL, sCL, sCW, sCE, sSS, sSS, sSR, sSA, sCL, sSS,
  /* shutdown_ack */  sSA, sCL, sCW, sCE, sES, sSA, sSA, sSA, sSA, sHA,
  /* error */         sCL, sCL, sCW, sCE, sES, sSS, sSR, sSA, sCL, sHA,
  /* cookie_echo */   sCL, sCL, sCE, sCE, sES, sSS, sSR, sSA, sCL, sHA,
  /* cookie_ack */    sCL, sCL, sCW, sES, sES, sSS, sSR, sSA, sCL, sHA,
  /* shutdown_comp */ sCL, sCL, sCW, sCE, sES, sSS, sSR, sCL, sCL, sHA,
  /* heartbeat */     sHS, sCL, sCW, sCE, sES, sSS, sSR, sSA, sHS, sHA,
  /* heartbeat_ack */ sCL, sCL, sCW, sCE, sES, sSS, sSR, sSA, sHS, sHA,
  // reply
  //                  sNO, sCL, sCW, sCE, sES, sSS, sSR, sSA, sHS, sHA
  /* init */          sIV, sCL, sCW, sCE, sES, sSS, sSR, sSA, sIV, sHA,
  /* init_ack */      sIV, sCW, sCW, sCE, sES, sSS, sSR, sSA, sIV, sHA,
  /* abort */         sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sIV, sCL,
  /* shutdown */      sIV, sCL, sCW, sCE, sSR, sSS, sSR, sSA, sIV, sSR,
  /* shutdown_ack */  sIV, sCL, sCW, sCE, sES, sSA, sSA, sSA, sIV, sHA,
  /* error */         sIV, sCL, sCW, sCL, sES, sSS, sSR, sSA, sIV, sHA,
  /* cookie_echo */   sIV, sCL, sCE, sCE, sES, sSS, sSR, sSA, sIV, sHA,
  /* cookie_ack */    sIV, sCL, sCW, sES, sES, sSS, sSR, sSA, sIV, sHA,
  /* shutdown_comp */ sIV, sCL, sCW, sCE, sES, sSS, sSR, sCL, sIV, sHA,
  /* heartbeat */     sIV, sCL, sCW, sCE, sES, sSS, sSR, sSA, sHS, sHA,
  /* heartbeat_ack */ sIV, sCL, sCW, sCE, sES, sSS, sSR, sSA, sES, sHA,
)

/** The grid of kernels without sctpTags. */
const OLD_GRID = Uint8Array.from(GRID)
OLD_GRID[cell(0, CHUNK_INIT, sSS)] = sSS
OLD_GRID[cell(0, CHUNK_INIT, sSR)] = sSR
OLD_GRID[cell(0, CHUNK_COOKIE_ACK, sCE)] = sCE
OLD_GRID[cell(1, CHUNK_COOKIE_ECHO, sCW)] = sCW
OLD_GRID[cell(1, CHUNK_HEARTBEAT_ACK, sHS)] = sHA

/** Where a chunk from `direction` stands in a grid; it must be one that has a row. */
function cell(direction: number, chunk: number, state: number): number {
  return (direction * ROWS + ROW[chunk]) * STATES + state
}

/**
 * The state that a chunk from `direction` leads to, or SCTP_INVALID. kernel: sctp_new_state()
 * @param tags whether the kernel has the trait sctpTags
 */
export function nextSctpState(direction: number, chunk: number, state: number, tags: boolean): number {
  if (ROW[chunk] === 255) return state
  return (tags ? GRID : OLD_GRID)[cell(direction, chunk, state)]
}
