// What a field of nft is: how its values compare; and the field that nobody here understands.
import type { Network } from '../files/network.ts'
import { ASKS_KIND } from './asks.ts'
import { perhaps, type Subject, type Test } from './subject.ts'

/** One field of a packet. */
export interface NftField {
  /** What a rule that looks at it takes for granted, asked once each time: the protocol whose header has it, an entry. */
  needs: Test[]
  /** Bits of ASKS_* that `key` asks for. */
  asks: number
  /** The condition that it has a value; perhaps for values that are not understood. */
  equals: (value: unknown) => Test
  /** Of flags: the condition that one of them is set at least, where a rule says `in`. */
  hasSome?: (value: unknown) => Test
  /** A text that is the same for the same values, or null where it is not known. */
  key: (subject: Subject) => string | null
  /** The same text of a single value, or null: a range, or not understood. */
  keyOf: (value: unknown) => string | null
  /** Of an address: the network that a value is, or null; and the packet's. */
  address?: { networkOf: (value: unknown) => Network | null; of: (subject: Subject) => Int32Array }
}

export const OPAQUE: NftField = {
  needs: [],
  asks: ASKS_KIND,
  equals: () => perhaps,
  key: () => null,
  keyOf: () => null,
}

/** A field that only compares, by conditions that say what they ask for. */
export function fieldThat(equals: (value: unknown) => Test, needs: Test[] = []): NftField {
  return { ...OPAQUE, needs, equals }
}
