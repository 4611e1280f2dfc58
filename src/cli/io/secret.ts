// The secret of a process's or a thread's hash tables (net/seeded-hash.ts): chance, unless the environment fixes it.

/** A whole number: to repeat a run to the instruction, or to show that nothing depends on it. */
const VARIABLE = 'CTPCAP_HASH_SEED'

/** 32 bits. */
export function chooseSecret(): number {
  const given = process.env[VARIABLE] ?? ''
  return /^\d{1,10}$/.test(given) ? Number(given) | 0 : (Math.random() * 2 ** 32) | 0
}
