// Time: whole nanoseconds as doubles, exact for 104 days.

/**
 * Zero, as a field that will hold nanoseconds must begin. One that begins with the small integer 0 is laid out for
 * small integers, until 2.1 s have passed; then V8 throws away all code compiled for the record (70 ms in a replay).
 */
export const TIME_ZERO = -0
