import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const MAX_LINES = 300

/** Source files of the repository that are longer than 300 lines, as `path: lines`. */
export function longFiles(root: string): string[] {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', '*.ts', '*.mjs']
  const files = execFileSync('git', words, { cwd: root, encoding: 'utf8' }).split('\0')
  return files
    .filter((file) => /^(apps|packages|bench|dashboards|infra|scripts)\//.test(file) && !file.includes('/test/'))
    .flatMap((file) => {
      const lines = countLines(join(root, file))
      return lines > MAX_LINES ? [`${file}: ${lines} lines, at most ${MAX_LINES} are allowed`] : []
    })
}

/** 0 for a file that is in the index and not on the disk. */
function countLines(path: string): number {
  try {
    return readFileSync(path, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}
