// Maps with room for so many keys: one keeps what came first, the other what was last asked for.

/** The value of a key, made where there is none and room for it; null without room: what is known stays known. */
export function valueWithin<K, V>(map: Map<K, V>, key: K, most: number, make: () => V): V | null {
  const known = map.get(key)
  if (known !== undefined) return known
  if (map.size === most) return null
  const made = make()
  map.set(key, made)
  return made
}

/** Keeps the `room` keys that were set or found last, and up to as many before them. */
export class RecentMap<K, V> {
  private readonly room: number
  private young = new Map<K, V>()
  private old = new Map<K, V>()

  constructor(room: number) {
    this.room = room
  }

  get(key: K): V | undefined {
    const value = this.young.get(key)
    if (value !== undefined) return value
    const older = this.old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: K, value: V): void {
    if (this.young.size >= this.room && !this.young.has(key)) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, value)
  }
}
