// How long tests wait for what is going to happen: as long as it takes, because how fast the machine is proves nothing.

/** For vi.waitFor(), which gives up after a second by itself; the limit of the test ends what never comes. */
export const PATIENCE = { timeout: 10 * 60_000, interval: 5 }
