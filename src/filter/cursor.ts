// What a compiled filter reads: the captured bytes of one frame, from its link header on. A byte that was not captured refuses the frame.

/** What a condition says of a frame. */
export const NO = 0
export const YES = 1
/**
 * The condition asks for a byte that was not captured: the frame does not match, whatever stands around the condition,
 * as in libpcap (pcap-filter(7); bpf_filter.c).
 */
export const BEYOND = -1

/** A reused record; the frame's bytes are those of the view in [start, end). */
export class FilterCursor {
  view: DataView = new DataView(new ArrayBuffer(0))
  start = 0
  end = 0
  /** Length on the wire. */
  length = 0
}

/** Whether a frame matches: NO, YES, or BEYOND. */
export type Condition = (cursor: FilterCursor) => number

export const never: Condition = () => NO
export const always: Condition = () => YES

/** The byte at `offset` of the frame is `value`, among the bits of `mask`. */
export function byteIs(offset: number, value: number, mask = 0xff): Condition {
  return ({ view, start, end }) => {
    const at = start + offset
    return at >= end ? BEYOND : (view.getUint8(at) & mask) === value ? YES : NO
  }
}

/** The two bytes at `offset`. */
export function shortIs(offset: number, value: number, mask = 0xffff): Condition {
  return ({ view, start, end }) => {
    const at = start + offset
    return at + 2 > end ? BEYOND : (view.getUint16(at) & mask) === value ? YES : NO
  }
}

/** The four bytes at `offset`, a signed word; nobody looks at them where no bit of the mask is set. */
export function wordIs(offset: number, value: number, mask = -1): Condition {
  if (mask === 0) return always
  return ({ view, start, end }) => {
    const at = start + offset
    return at + 4 > end ? BEYOND : (view.getInt32(at) & mask) === value ? YES : NO
  }
}

export function both(first: Condition, second: Condition): Condition {
  return cursor => {
    const answer = first(cursor)
    return answer === YES ? second(cursor) : answer
  }
}

export function either(first: Condition, second: Condition): Condition {
  return cursor => {
    const answer = first(cursor)
    return answer === NO ? second(cursor) : answer
  }
}

export function negate(condition: Condition): Condition {
  return cursor => {
    const answer = condition(cursor)
    return answer === BEYOND ? BEYOND : YES - answer
  }
}

/** Conditions that may call each other in turn: a longer chain is a loop, so that it does not use up the stack. */
const MOST_CALLS = 8

/** All of them, from the first to the last. */
export function all(conditions: readonly Condition[]): Condition {
  const [first, ...rest] = conditions
  return joined(first, rest, new Array<number>(rest.length).fill(YES))
}

export function any(conditions: readonly Condition[]): Condition {
  const [first, ...rest] = conditions
  return joined(first, rest, new Array<number>(rest.length).fill(NO))
}

/**
 * Conditions joined from the left: each of `rest` is asked where the answer so far is that of `goesOn` in its place,
 * YES for `and`, NO for `or`.
 */
export function joined(first: Condition, rest: readonly Condition[], goesOn: readonly number[]): Condition {
  if (rest.length <= MOST_CALLS)
    return rest.reduce(
      (left, right, i) => (goesOn[i] === YES ? both(left, right) : either(left, right)),
      first,
    )
  return cursor => {
    let answer = first(cursor)
    for (let i = 0; i < rest.length; i++) if (answer === goesOn[i]) answer = rest[i](cursor)
    return answer
  }
}
