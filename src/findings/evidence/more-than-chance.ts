// Whether something befell the connections of one server more often than the rest of the traffic lets expect.

/** How many of how many it befell. */
export interface Share {
  struck: number
  all: number
}

/** Fewer of one server are an accident; fewer connections beside it tell nothing of what is usual here. */
const LEAST_STRUCK = 5
const LEAST_REST = 20
/** What is less likely than this is no chance: a long capture has a few thousand servers. */
const CHANCE = 1e-7

/**
 * Whether as many as `share.struck` of `share.all` connections are more than chance, where it befalls each with the
 * probability that `rest`, all other connections, shows: one that was not seen there may still be seen the next time.
 */
export function isMoreThanChance(share: Share, rest: Share): boolean {
  if (share.struck < LEAST_STRUCK || rest.all < LEAST_REST) return false
  return atLeast(share, (rest.struck + 1) / (rest.all + 2)) < CHANCE
}

/** The probability that it befalls as many or more, of independent connections (the tail of a binomial distribution). */
function atLeast({ struck, all }: Share, probability: number): number {
  const odds = Math.log(probability) - Math.log1p(-probability)
  // of none; each further one by the ratio to the one before, in logarithms, because the numbers leave a double's range
  let log = all * Math.log1p(-probability)
  let sum = 0
  for (let count = 0; count <= all; count++) {
    if (count >= struck) sum += Math.exp(log)
    log += Math.log(all - count) - Math.log(count + 1) + odds
  }
  return sum
}
