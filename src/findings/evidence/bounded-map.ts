// Maps that take no more keys than they have room for: what they know stays known, what comes later is not taken up.

/** The value of a key, made where there is none and room for it; null without room. */
export function valueWithin<K, V>(map: Map<K, V>, key: K, most: number, make: () => V): V | null {
  const known = map.get(key)
  if (known !== undefined) return known
  if (map.size === most) return null
  const made = make()
  map.set(key, made)
  return made
}
