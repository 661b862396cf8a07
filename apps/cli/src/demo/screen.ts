/** Takes the answer as it comes (`text`) and what happens beside it (`mark`, a line). */
export interface Stage {
  text(piece: string): void
  mark(line: string): void
}

/** A stage of lines: running text, and marked lines that begin on a line of their own. */
export function createScreen(print: (text: string) => unknown): Stage {
  let inText = false
  return {
    text: (piece) => {
      print(`${inText ? '' : '\n'}${piece}`)
      inText = true
    },
    mark: (line) => {
      print(`${inText ? '\n\n' : ''}── ${line}\n`)
      inText = false
    }
  }
}
