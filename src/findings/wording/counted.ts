// A number with its noun, for titles and reasons: `1 entry`, `2 entries`.

export function counted(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`
}
