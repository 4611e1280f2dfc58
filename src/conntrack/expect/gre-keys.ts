// The calls of PPTP: a GRE packet names the id of its receiver alone, by which the sender's is known (nf_conntrack_proto_gre.c).
import { Tuple } from '../tuple.ts'

/** One direction of a call: GRE from a key to a key. Addresses are IPv4. */
export interface CallSide {
  kind: number
  source: readonly number[]
  destination: readonly number[]
  /** The sender's call id, and the receiver's. */
  sourcePort: number
  port: number
}

/** A call of control connection `ct`, from its client and back. */
interface Call {
  ct: number
  forth: CallSide
  back: CallSide
}

export class GreKeys {
  private readonly byMaster = new Map<number, Call>()
  /** By the id of the receiver. */
  private readonly byKey = new Map<number, Call[]>()

  /** @returns false when the connection has another call. kernel: nf_ct_gre_keymap_add() */
  add(ct: number, forth: CallSide, back: CallSide): boolean {
    const known = this.byMaster.get(ct)
    if (known !== undefined) {
      if (known.forth.port !== forth.port) return false
      if (known.back.port === back.port) return true
      this.remove(ct)
      return false
    }
    const call = { ct, forth, back }
    this.byMaster.set(ct, call)
    for (const { port } of [forth, back]) this.byKey.set(port, [...(this.byKey.get(port) ?? []), call])
    return true
  }

  /** kernel: nf_ct_gre_keymap_destroy() */
  remove(ct: number): void {
    const call = this.byMaster.get(ct)
    if (call === undefined) return
    this.byMaster.delete(ct)
    for (const { port } of [call.forth, call.back]) {
      const left = (this.byKey.get(port) ?? []).filter(each => each !== call)
      if (left.length === 0) this.byKey.delete(port)
      else this.byKey.set(port, left)
    }
  }

  /** The key that a packet of `tuple` comes from, of which the receiver's is known; 0 for none. kernel: gre_keymap_lookup() */
  find(tuple: Tuple): number {
    if (this.byMaster.size === 0) return 0
    return this.sideOf(tuple)?.sourcePort ?? 0
  }

  /** To what key answers to the first packet of a call come, by either side's translation; null for no call. */
  answersTo(tuple: Tuple): number | null {
    const call = this.callOf(tuple)
    if (call === null) return null
    return isOf(call.forth, tuple) ? call.back.port : call.back.sourcePort
  }

  /** The tuple of the other direction of a call, or null. */
  otherSide(tuple: Tuple): Tuple | null {
    const call = this.callOf(tuple)
    if (call === null) return null
    return tupleOfSide(isOf(call.forth, tuple) ? call.back : call.forth)
  }

  private sideOf(tuple: Tuple): CallSide | null {
    const call = this.callOf(tuple)
    if (call === null) return null
    return isOf(call.forth, tuple) ? call.forth : call.back
  }

  private callOf(tuple: Tuple): Call | null {
    const calls = this.byKey.get(tuple.ports & 0xffff)
    if (calls === undefined) return null
    for (let i = 0; i < calls.length; i++) {
      if (isOf(calls[i].forth, tuple) || isOf(calls[i].back, tuple)) return calls[i]
    }
    return null
  }
}

export function tupleOfSide({ kind, source, destination, sourcePort, port }: CallSide): Tuple {
  const tuple = new Tuple()
  tuple.kind = kind
  tuple.source = source[0]
  tuple.destination = destination[0]
  tuple.ports = (sourcePort << 16) | port
  return tuple
}

function isOf({ kind, source, destination, port }: CallSide, tuple: Tuple): boolean {
  return (
    kind === tuple.kind &&
    port === (tuple.ports & 0xffff) &&
    source[0] === tuple.source &&
    destination[0] === tuple.destination
  )
}
