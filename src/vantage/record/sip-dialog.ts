// What a helper leaves alone of a SIP message whose addresses it rewrites: the call's id, and which of its messages it is (RFC 3261, 8.1.1).

const RETURN = 0x0d
const NEWLINE = 0x0a
const SPACE = 0x20
const LOWER_CASE = 0x20
const WORD = 4
/** `SIP/`: a response, whose status stands behind its version. */
const RESPONSE = 0x5349502f
const STATUS_AT = 8

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, letter => letter.charCodeAt(0))
const CALL_ID = bytesOf('call-id')
const SHORT_CALL_ID = bytesOf('i')
const CSEQ = bytesOf('cseq')
const COLON = 0x3a

/** A hash of a message that ends at `end`: of its Call-ID, CSeq, and method or status; 0 for a text without these headers. */
export function sipDialog(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < STATUS_AT + WORD) return 0
  const first = wordAt(bytes, start)
  let hash = first === RESPONSE ? wordAt(bytes, start + STATUS_AT) : first
  let headers = 0
  for (let line = start; line < end && bytes[line] !== RETURN && bytes[line] !== NEWLINE; line++) {
    const isWanted =
      isHeader(bytes, line, end, CALL_ID) ||
      isHeader(bytes, line, end, SHORT_CALL_ID) ||
      isHeader(bytes, line, end, CSEQ)
    if (isWanted) headers++
    for (; line < end && bytes[line] !== NEWLINE; line++) {
      if (isWanted && bytes[line] > SPACE) hash = Math.imul(hash ^ bytes[line], 0x01000193)
    }
  }
  return headers < 2 ? 0 : hash | 1
}

/** Whether a line begins with a name, in whatever case, and a colon. */
function isHeader(bytes: Uint8Array, line: number, end: number, name: Uint8Array): boolean {
  if (line + name.length >= end || bytes[line + name.length] !== COLON) return false
  for (let i = 0; i < name.length; i++) {
    if ((bytes[line + i] | LOWER_CASE) !== name[i]) return false
  }
  return true
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}
