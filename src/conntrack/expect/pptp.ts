// The control connection of PPTP: sessions, calls and their ids, by its messages (nf_conntrack_pptp.c; RFC 2637).
import { DIRECTION_ORIGINAL } from '../status.ts'

const PACKET_TYPE = 2
const MAGIC_COOKIE = 4
const MESSAGE_TYPE = 8
/** Length of both headers. */
const HEADERS = 12
const CONTROL_PACKET = 1
const COOKIE = 0x1a2b3c4d

const START_SESSION_REQUEST = 1
const START_SESSION_REPLY = 2
const STOP_SESSION_REQUEST = 3
const STOP_SESSION_REPLY = 4
const OUT_CALL_REQUEST = 7
const OUT_CALL_REPLY = 8
const IN_CALL_REQUEST = 9
const IN_CALL_REPLY = 10
const IN_CALL_CONNECT = 11
const CALL_CLEAR_REQUEST = 12
const CALL_DISCONNECT_NOTIFY = 13

/** Bytes behind the headers, by message; 0 for those that are not looked at. kernel: pptp_msg_size */
const SIZES = [0, 144, 144, 4, 4, 0, 0, 156, 20, 208, 12, 16, 4, 136, 28, 12]

/** Result codes: it was accepted. */
const ACCEPTED = 1

// where a message has what is looked at, behind the headers
const CALL_ID = 0
const PEERS_CALL_ID = 2
const CALL_RESULT = 4
const SESSION_RESULT = 2
const STOP_RESULT = 0

// kernel: enum pptp_ctrlsess_state, in its order
const SESSION_NONE = 0
const SESSION_ERROR = 1
const SESSION_STOP = 2
const SESSION_REQUESTED = 3
const SESSION_CONFIRMED = 4

/** kernel: enum pptp_ctrlcall_state */
type Call = 'none' | 'out requested' | 'out' | 'in requested' | 'in answered' | 'in' | 'clearing'

/** What a message brings: a call has begun, or is over. */
export type PptpNews = 'call' | 'over' | null

/** What is known of one control connection. kernel: struct nf_ct_pptp_master */
export class PptpSession {
  /** Call ids of the client (PNS) and of the server (PAC); of the client as the server sees it. */
  clientCall = 0
  serverCall = 0
  /** The client's own id, which a translation may have changed. */
  clientOwn = 0
  private session = SESSION_NONE
  private call: Call = 'none'

  /**
   * Takes the payload of a segment.
   * @param view of the payload alone
   * @param outside the client's call id where it is translated, null where it is not
   */
  take(view: DataView, direction: number, outside: number | null): PptpNews {
    if (view.byteLength < HEADERS) return null
    if (view.getUint16(PACKET_TYPE) !== CONTROL_PACKET || view.getInt32(MAGIC_COOKIE) !== COOKIE) return null
    const message = view.getUint16(MESSAGE_TYPE)
    if (view.byteLength - HEADERS < (SIZES[message] ?? 0)) return null
    const body = new DataView(view.buffer, view.byteOffset + HEADERS, view.byteLength - HEADERS)
    if (direction !== DIRECTION_ORIGINAL) return this.fromServer(message, body)
    this.fromClient(message, body, outside)
    return null
  }

  /** kernel: pptp_outbound_pkt() */
  private fromClient(message: number, body: DataView, outside: number | null): void {
    switch (message) {
      case START_SESSION_REQUEST:
        if (this.session === SESSION_NONE) this.session = SESSION_REQUESTED
        return
      case STOP_SESSION_REQUEST:
        this.session = SESSION_STOP
        return
      case OUT_CALL_REQUEST:
        if (this.session !== SESSION_CONFIRMED) return
        this.call = 'out requested'
        this.clientOwn = body.getUint16(CALL_ID)
        this.clientCall = outside ?? this.clientOwn
        return
      case IN_CALL_REPLY:
        if (this.call !== 'in requested' && this.call !== 'in answered') return
        if (this.serverCall !== body.getUint16(PEERS_CALL_ID)) return
        if (body.getUint8(CALL_RESULT) !== ACCEPTED) {
          this.call = 'none'
          return
        }
        this.call = 'in answered'
        // NAT leaves the id of a call that comes in as it is
        this.clientOwn = body.getUint16(CALL_ID)
        this.clientCall = this.clientOwn
        return
      case CALL_CLEAR_REQUEST:
        if (this.session === SESSION_CONFIRMED) this.call = 'clearing'
    }
  }

  /** kernel: pptp_inbound_pkt() */
  private fromServer(message: number, body: DataView): PptpNews {
    switch (message) {
      case START_SESSION_REPLY:
        if (this.session < SESSION_REQUESTED) return null
        this.session = body.getUint8(SESSION_RESULT) === ACCEPTED ? SESSION_CONFIRMED : SESSION_ERROR
        return null
      case STOP_SESSION_REPLY:
        if (this.session > SESSION_STOP) return null
        this.session = body.getUint8(STOP_RESULT) === ACCEPTED ? SESSION_NONE : SESSION_ERROR
        return null
      case OUT_CALL_REPLY:
        if (this.session !== SESSION_CONFIRMED) return null
        if (this.call !== 'out requested' && this.call !== 'out') return null
        if (this.clientCall !== body.getUint16(PEERS_CALL_ID)) return null
        if (body.getUint8(CALL_RESULT) !== ACCEPTED) {
          this.call = 'none'
          return null
        }
        this.call = 'out'
        this.serverCall = body.getUint16(CALL_ID)
        return 'call'
      case IN_CALL_REQUEST:
        if (this.session !== SESSION_CONFIRMED) return null
        this.call = 'in requested'
        this.serverCall = body.getUint16(CALL_ID)
        return null
      case IN_CALL_CONNECT:
        if (this.session !== SESSION_CONFIRMED) return null
        if (this.call !== 'in answered' && this.call !== 'in') return null
        if (this.clientCall !== body.getUint16(CALL_ID)) return null
        this.call = 'in'
        return 'call'
      case CALL_DISCONNECT_NOTIFY:
        this.call = 'none'
        return 'over'
      default:
        return null
    }
  }
}
