// Lists that have a first element for certain.

export type NonEmpty<T> = readonly [T, ...T[]]

export function mapNonEmpty<T, U>(
  [first, ...others]: NonEmpty<T>,
  make: (each: T, index: number) => U,
): NonEmpty<U> {
  return [make(first, 0), ...others.map((each, i) => make(each, i + 1))]
}
