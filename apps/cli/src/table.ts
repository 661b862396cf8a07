const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u

/** Columns that a text takes on a terminal; East Asian wide characters take two. */
function columns(text: string): number {
  let width = 0
  for (const character of text) width += WIDE.test(character) ? 2 : 1
  return width
}

/** Rows under their titles, left-aligned; says `nothing` when there are no rows. Ends in a line feed. */
export function renderTable(titles: readonly string[], rows: readonly (readonly string[])[], nothing: string): string {
  if (rows.length === 0) return `${nothing}\n`
  const all = [titles, ...rows]
  const widths = titles.map((_title, index) => Math.max(...all.map((row) => columns(row[index] ?? ''))))
  const lines = all.map((row) =>
    row
      .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - columns(cell)))
      .join('  ')
      .trimEnd()
  )
  return `${lines.join('\n')}\n`
}

/** A time as tables show it: UTC to the second; `-` for none. */
export function showTime(time: Date | null): string {
  return time === null
    ? '-'
    : time
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z')
}
