import { dirname } from 'node:path'
import { brokenLinks } from '../packages/stack/src/docs/broken-links.ts'

// `node --conditions=@semibot/source scripts/check-links.ts`: what the pages name and is not there. Also one of the checks.

const problems = brokenLinks(dirname(import.meta.dirname))
process.stdout.write(problems.map((problem) => `${problem}\n`).join(''))
process.exit(problems.length === 0 ? 0 : 1)
