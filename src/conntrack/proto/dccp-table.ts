// The DCCP transition grid, laid out to be read against dccp_state_table[2][10][9] in nf_conntrack_proto_dccp.c (up to 6.16).

export const DCCP_NONE = 0
export const DCCP_REQUEST = 1
export const DCCP_RESPOND = 2
export const DCCP_PARTOPEN = 3
const DCCP_OPEN = 4
const DCCP_CLOSEREQ = 5
const DCCP_CLOSING = 6
export const DCCP_TIMEWAIT = 7
/** Answers of the grid that are no state: the packet passes without moving anything, or is invalid. */
export const DCCP_IGNORE = 8
export const DCCP_INVALID = 9

/** Packet types (RFC 4340, 5.1). */
export const PACKET_REQUEST = 0
export const PACKET_RESPONSE = 1
export const PACKET_DATA = 2
export const PACKET_ACK = 3
export const PACKET_RESET = 7
/** The lowest that is reserved. */
export const PACKET_INVALID = 10

/** Seconds an entry lives in each state; the kernel's sysctls for them are left at their defaults. */
export const DCCP_TIMEOUTS = [240, 240, 480, 480, 43200, 64, 64, 240] as const

const sRQ = DCCP_REQUEST
const sRS = DCCP_RESPOND
const sPO = DCCP_PARTOPEN
const sOP = DCCP_OPEN
const sCR = DCCP_CLOSEREQ
const sCG = DCCP_CLOSING
const sTW = DCCP_TIMEWAIT
const sIG = DCCP_IGNORE
const sIV = DCCP_INVALID

const STATES = 8
const ROWS = 10

// biome-ignore format: the columns are the point
const GRID = Uint8Array.of(
  // client
  //           sNO, sRQ, sRS, sPO, sOP, sCR, sCG, sTW
  /* request */  sRQ, sRQ, sRS, sIG, sIG, sIG, sIG, sRQ,
  /* response */ sIV, sIG, sIG, sIG, sIG, sIG, sIG, sIV,
  /* data */     sIV, sIV, sIV, sIV, sOP, sCR, sCG, sIV,
  /* ack */      sIV, sIV, sPO, sPO, sOP, sCR, sCG, sIV,
  /* dataack */  sIV, sIV, sPO, sPO, sOP, sCR, sCG, sIV,
  /* closereq */ sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV,
  /* close */    sIV, sIV, sIV, sCG, sCG, sCG, sIV, sIV,
  /* reset */    sIV, sTW, sTW, sTW, sTW, sTW, sTW, sIG,
  /* sync */     sIV, sIG, sIG, sIG, sIG, sIG, sIG, sIG,
  /* syncack */  sIV, sIG, sIG, sIG, sIG, sIG, sIG, sIG,
  // server
  //           sNO, sRQ, sRS, sPO, sOP, sCR, sCG, sTW
  /* request */  sIV, sIG, sIG, sIG, sIG, sIG, sIG, sRQ,
  /* response */ sIV, sRS, sRS, sIG, sIG, sIG, sIG, sIV,
  /* data */     sIV, sIV, sIV, sOP, sOP, sIV, sCG, sIV,
  /* ack */      sIV, sIV, sIV, sOP, sOP, sIV, sCG, sIV,
  /* dataack */  sIV, sIV, sIV, sOP, sOP, sIV, sCG, sIV,
  /* closereq */ sIV, sIV, sIV, sCR, sCR, sCR, sCR, sIV,
  /* close */    sIV, sIV, sIV, sCG, sCG, sIV, sCG, sIV,
  /* reset */    sIV, sTW, sTW, sTW, sTW, sTW, sTW, sTW,
  /* sync */     sIV, sIG, sIG, sIG, sIG, sIG, sIG, sIG,
  /* syncack */  sIV, sIG, sIG, sIG, sIG, sIG, sIG, sIG,
)

/** The state that a packet of `type` from the client (0) or the server (1) leads to, or DCCP_IGNORE or DCCP_INVALID. */
export function nextDccpState(role: number, type: number, state: number): number {
  return GRID[(role * ROWS + type) * STATES + state]
}
